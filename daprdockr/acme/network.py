# -*- test-case-name: tests.unit.acme.test_network,tests.functional.test_acme_server -*-
"""
HTTP to an ACME server, bounded: every answer has a largest size and a latest time, whatever the server does. The errors
of requests and of the ``acme`` package are classed here. Blocking.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import requests
import urllib3
from acme import errors, messages
from acme.client import ClientNetwork
from josepy.errors import Error as JoseError
from josepy.jwa import ES256
from josepy.jwk import JWKEC
from requests.adapters import HTTPAdapter

from daprdockr import __version__
from daprdockr.model.errors import AcmeRefused, AcmeUnavailable
from daprdockr.model.names import one_line

WHOLE = 30.0
"""Seconds for a whole answer."""

MOST_BYTES = 1024 * 1024

MOST_NONCES = 12
"""So often a request is signed anew because its nonce did not count; servers may forget nonces at any time."""

MOST_CONNECTIONS = 20
"""Connections that are kept for further requests."""

MOST_REDIRECTS = 3
"""A directory may have moved; each further address may take as long as an answer."""

NOT_FOUND = 404

LONGEST_TEXT = 300
"""Characters of a server's own words that are kept."""

_KIND = re.compile(r"urn:ietf:params:acme:error:([A-Za-z]{1,60})")


class BoundedSession(requests.Session):
    """
    A session whose answers are read whole within ``WHOLE`` seconds and ``MOST_BYTES``, or not at all; so are those that
    lead elsewhere, of which it follows ``MOST_REDIRECTS`` in a row.
    """

    def __init__(self) -> None:
        super().__init__()
        self.max_redirects = MOST_REDIRECTS
        for scheme in ("http://", "https://"):
            self.mount(scheme, BoundedAdapter(pool_maxsize=MOST_CONNECTIONS))


class BoundedAdapter(HTTPAdapter):
    """Reads each answer before the session sees it, which would read the whole body of a redirect by itself."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        deadline = time.monotonic() + WHOLE
        response = super().send(request, *args, **kwargs)
        response._content = _content(response, deadline)  # where requests itself keeps it
        response._content_consumed = True  # type: ignore[attr-defined]
        return response


def _content(response: requests.Response, deadline: float) -> bytes:
    found = bytearray()
    try:
        while part := response.raw.read1(65536, decode_content=True):
            found += part
            if len(found) > MOST_BYTES or time.monotonic() > deadline:
                raise AcmeUnavailable("the ACME server sends more than an answer has, or does not come to its end")
        return bytes(found)
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ConnectionError(error) from None
    finally:
        response.close()


class AcmeNetwork(ClientNetwork):
    """
    The connections to one server.

    :param ca: the certificates to trust there; None: those of the system.
    :param silence: seconds without an octet after which a request has failed.
    """

    def __init__(self, key: JWKEC, ca: Path | None, silence: float) -> None:
        user_agent = f"daprdockr/{__version__}"
        super().__init__(key, alg=ES256, user_agent=user_agent, timeout=silence)  # type: ignore[arg-type]
        self.session = BoundedSession()
        self.verify_ssl = str(ca) if ca else _system_certificates()  # type: ignore[assignment]

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        """:raises AcmeRefused, AcmeUnavailable: as the server answers, or does not."""
        for _ in range(MOST_NONCES - 1):
            try:
                return self._post_once(*args, **kwargs)
            except AcmeRefused as error:
                if error.code != "badNonce":
                    raise
                self._nonces.clear()  # those that were kept are as old, and would fail one after the other
        return self._post_once(*args, **kwargs)

    def _send_request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        try:
            return super()._send_request(method, url, *args, **kwargs)
        except requests.exceptions.SSLError as error:
            raise AcmeUnavailable(f"the ACME server is not trusted: {_words(error)}") from None
        except requests.exceptions.Timeout:
            raise AcmeUnavailable(f"the ACME server did not answer within {self._default_timeout:g} s") from None
        except requests.exceptions.RequestException as error:
            raise AcmeUnavailable(f"the ACME server cannot be reached: {_words(error)}") from None

    def _get_nonce(self, url: str, new_nonce_url: str) -> str:
        for _ in range(MOST_NONCES):
            # The package takes one that it just saw there, which another thread may have taken meanwhile.
            with contextlib.suppress(KeyError):
                return super()._get_nonce(url, new_nonce_url)
        raise AcmeUnavailable("the ACME server gives fewer nonces than there are requests")

    def _add_nonce(self, response: requests.Response) -> None:
        try:
            super()._add_nonce(response)
        except errors.NonceError:
            raise AcmeUnavailable("the ACME server sent no nonce: this is no answer of such a server") from None

    @classmethod
    def _check_response(cls, response: requests.Response, content_type: str | None = None) -> requests.Response:
        try:
            return super()._check_response(response, content_type)
        except messages.Error as error:
            raise refused(error, wanted_pause(response)) from None
        except errors.ConflictError:
            raise _conflict(response) from None
        except errors.Error:
            if response.status_code == NOT_FOUND:
                raise AcmeRefused("the ACME server does not know what it was asked for", "notFound") from None
            what = f"status {response.status_code}" if not response.ok else "something that is no JSON"
            raise AcmeUnavailable(f"the ACME server answered with {what}", wanted_pause(response)) from None


def refused(error: messages.Error, retry_after: float = 0.0) -> AcmeRefused:
    """Return a problem that a server reported as an error of ours."""
    found = _KIND.fullmatch(str(error.typ))  # the package knows fewer kinds than servers
    code = found[1] if found else ""
    text = one_line(str(error.detail or error.title or "it gave no reason"), LONGEST_TEXT)
    return AcmeRefused(f"the ACME server refused ({code or 'no known reason'}): {text}", code, retry_after)


def _conflict(response: requests.Response) -> AcmeRefused:
    """Return what a server says of a conflict, of which the package keeps nothing but an address."""
    pause = wanted_pause(response)
    with contextlib.suppress(ValueError, TypeError, AttributeError, JoseError):
        error = refused(messages.Error.from_json(response.json()), pause)
        if error.code:
            return error
    return AcmeRefused("the ACME server refused (conflict): it gave no reason", "conflict", pause)


def wanted_pause(response: requests.Response) -> float:
    """Return the seconds that a server wants us to wait, maybe until a date by its own clock; 0: it did not say."""
    text = response.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 9 else 0.0
    try:
        until, now = (parsedate_to_datetime(one) for one in (text, response.headers.get("Date", "")))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError, OverflowError):  # no dates, or one without its zone
        return 0.0


def _words(error: Exception) -> str:
    return one_line(str(error), LONGEST_TEXT)


def _system_certificates() -> str | bool:
    """Return the file or the directory of the certificates that this host trusts; True: those of a package."""
    usual = ssl.get_default_verify_paths()
    return usual.cafile or usual.capath or True
