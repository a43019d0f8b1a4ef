# -*- test-case-name: tests.unit.acme.test_server,tests.functional.test_acme_server -*-
"""
An ACME server (RFC 8555) as its clients use it: accounts, orders, challenges, certificates, times of renewal. Blocking.

An order is known by its URL alone. With that, the key of the account, and the key of the certificate to be, any process
can go on with it at any point.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import requests
from acme import challenges, errors, messages
from acme.client import ClientV2
from josepy.errors import Error as JoseError
from josepy.json_util import field
from josepy.jwk import JWKEC

from daprdockr.acme.keys import SigningKey
from daprdockr.acme.network import AcmeNetwork, refused, wanted_pause
from daprdockr.acme.orders import DNS, HTTP, Challenge, Clocking, Enrolment, OrderStatus, RenewalWindow
from daprdockr.model.errors import AcmeError, AcmeRefused, AcmeUnavailable, OrderLost

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
"""Seconds between two questions whether an order has come further, unless the server says how long to wait."""

_GO = challenges.HTTP01Response(key_authorization="")
"""Says that a challenge can be checked: an empty object, of whatever kind it is (RFC 8555, 7.5.1)."""

_NOT_REPLACED = ("alreadyReplaced", "malformed", "conflict", "unauthorized", "notFound")
"""The words of servers for a certificate that this order cannot replace: one of another account, or of another CA."""

_ENDED = ("malformed", "notFound", "orderDoesNotExist", "unauthorized")
"""The words of servers for an order that they have forgotten, or a part of one, or that is another account's."""

_SENSELESS = (errors.Error, JoseError, KeyError, AttributeError, TypeError, ValueError)
"""The errors of the package at answers that make no sense."""


class ReplacingOrder(messages.NewOrder):
    """A new order that names the certificate it replaces (RFC 9773, 5)."""

    replaces: str | None = field("replaces", omitempty=True)


class AcmeServer:
    """
    The server behind one directory, for one account. Nothing is asked before the first call.

    :param directory: the URL of its directory.
    :param ca: the certificates to trust there; None: those of the system.
    """

    def __init__(
        self, directory: str, *, ca: Path | None, key: SigningKey, enrolment: Enrolment, clocking: Clocking
    ) -> None:
        self.directory = directory
        self._ca = ca
        self._key = key
        self._enrolment = enrolment
        self._clocking = clocking
        self._known: ClientV2 | None = None
        self._lock = threading.Lock()

    def order(self, host_name: str, replaces: str = "") -> str:
        with self._classed():
            client = self._client()
            named = replaces if _renewal_place(client) else ""
            try:
                return self._ordered(client, host_name, named)
            except AcmeRefused as error:
                if not named or error.code not in _NOT_REPLACED:
                    raise
                return self._ordered(client, host_name, "")

    def look(self, order: str) -> OrderStatus:
        with self._classed():
            client = self._client()
            body, _ = self._order(client, order)
            if body.status != messages.STATUS_PENDING:
                return OrderStatus(str(body.status.name))
            found = (self._challenge(client, url) for url in body.authorizations)
            return OrderStatus("pending", tuple(one for one in found if one is not None))

    def answer(self, order: str, answered: Sequence[Challenge], within: float) -> None:
        with self._classed():
            client = self._client()
            for one in answered:
                if not one.answered:
                    _post(client, one.url, _GO)
            self._await(client, order, (messages.STATUS_PENDING,), within)

    def finish(self, order: str, request: bytes, within: float) -> bytes:
        with self._classed():
            client = self._client()
            body, _ = self._order(client, order)
            if body.status == messages.STATUS_READY:
                client.begin_finalization(messages.OrderResource(body=body, uri=order, csr_pem=request))
            body = self._await(client, order, (messages.STATUS_READY, messages.STATUS_PROCESSING), within)
            if body.certificate is None:
                raise OrderLost(f"the order ended as {body.status.name} without a certificate")
            return _post_for(client, body.certificate).content

    def renewal(self, renewal_id: str) -> RenewalWindow | None:
        with self._classed():
            client = self._client()
            place = _renewal_place(client)
            if not place:
                return None
            answer = client.net.get(f"{place}/{renewal_id}")
            window = messages.RenewalInfo.from_json(answer.json()).suggested_window
            return RenewalWindow(window.start.timestamp(), window.end.timestamp(), wanted_pause(answer))

    @contextlib.contextmanager
    def _classed(self) -> Iterator[None]:
        """Class what the package makes of answers that make no sense. After an error everything is asked anew."""
        try:
            yield
        except AcmeError:
            self._known = None
            raise
        except _SENSELESS as error:
            self._known = None
            found = type(error).__name__
            raise AcmeUnavailable(f"the ACME server sent an answer that cannot be read: {found}") from None

    def _client(self) -> ClientV2:
        """Return a client that has its account, which is made if it is a new one."""
        with self._lock:
            if (known := self._known) is None:
                key = JWKEC.load(self._key.pem)
                assert isinstance(key, JWKEC)
                net = AcmeNetwork(key, self._ca, self._clocking.silence)
                known = ClientV2(ClientV2.get_directory(self.directory, net), net)
                self._enrol(known)
                self._known = known
            return known

    def _enrol(self, client: ClientV2) -> None:
        email, binding = self._enrolment.email or None, self._enrolment.binding
        asked = messages.NewRegistration.from_data(email=email, terms_of_service_agreed=True)
        try:
            client.query_registration(messages.RegistrationResource(body=asked, uri=""))
            return
        except AcmeRefused as error:
            if error.code not in ("accountDoesNotExist", "externalAccountRequired", "malformed"):
                raise
        client.net.account = None
        if binding:
            public = JWKEC.load(self._key.pem).public_key()
            bound = messages.ExternalAccountBinding.from_data(public, *binding, client.directory)
            asked = asked.update(external_account_binding=bound)
        try:
            client.new_account(asked)
        except errors.ConflictError as error:  # it exists: some servers find no account for a request without a binding
            client.net.account = messages.RegistrationResource(body=messages.Registration(), uri=error.location)

    def _ordered(self, client: ClientV2, host_name: str, replaces: str) -> str:
        name = messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=host_name)
        asked = ReplacingOrder(identifiers=[name], replaces=replaces or None)
        response = _post(client, client.directory["newOrder"], asked)
        url = response.headers.get("Location", "")
        if not url:
            raise AcmeUnavailable("the ACME server began an order and did not say where it is")
        return url

    def _order(self, client: ClientV2, order: str) -> tuple[messages.Order, requests.Response]:
        response = _post_for(client, order)
        body = messages.Order.from_json(response.json())
        if body.status == messages.STATUS_INVALID:
            raise OrderLost(*self._why(client, body))
        return body, response

    def _why(self, client: ClientV2, body: messages.Order) -> tuple[str, str]:
        """Return why an order came to nothing, as far as the server still knows: it forgets authorizations."""
        for url in body.authorizations or ():
            with contextlib.suppress(AcmeRefused, *_SENSELESS):
                authorization = _authorization(client, url)
                for challenge in authorization.challenges:
                    if challenge.error is not None:
                        error = refused(challenge.error)
                        return str(error), error.code
        error = refused(body.error) if body.error is not None else AcmeRefused("the order came to nothing")
        return str(error), error.code

    def _challenge(self, client: ClientV2, url: str) -> Challenge | None:
        """Return the challenge of an authorization that can be answered here; None: it needs none any more."""
        authorization = _authorization(client, url)
        if authorization.status == messages.STATUS_VALID:
            return None
        name = authorization.identifier.value
        if authorization.status != messages.STATUS_PENDING:
            raise OrderLost(f"the permission to prove {name} is {authorization.status.name}")
        for body in authorization.challenges:
            answered = body.status != messages.STATUS_PENDING  # servers refuse to be asked twice
            if authorization.wildcard and isinstance(body.chall, challenges.DNS01):
                return Challenge(body.uri, DNS, name, body.chall.validation(client.net.key), answered)
            if not authorization.wildcard and isinstance(body.chall, challenges.HTTP01):
                return Challenge(body.uri, HTTP, name, answered=answered)
        kind = DNS if authorization.wildcard else HTTP
        raise OrderLost(f"the ACME server offers no challenge {kind} for {name}")

    def _await(self, client: ClientV2, order: str, passing: Sequence[messages.Status], within: float) -> messages.Order:
        """Return the order when its status is another one than these."""
        pause, clocking = FIRST_PAUSE, self._clocking
        deadline = clocking.clock() + within
        while True:
            clocking.sleep(pause)
            body, response = self._order(client, order)
            if body.status not in passing:
                return body
            pause = min(wanted_pause(response) or 2 * pause, LONGEST_PAUSE)
            if clocking.clock() + pause > deadline:
                raise AcmeUnavailable("the ACME server did not come to an end of the order in time")


def _post(client: ClientV2, url: str, content: Any = None) -> requests.Response:
    """Send something signed; without content that is how a client reads (RFC 8555, 6.3)."""
    return client.net.post(url, content, new_nonce_url=client.directory["newNonce"])


def _post_for(client: ClientV2, url: str) -> requests.Response:
    """Read an order, or a part of one. :raises OrderLost: the server has forgotten it."""
    try:
        return _post(client, url)
    except AcmeRefused as error:
        if error.code in _ENDED:
            raise OrderLost(str(error), error.code) from None
        raise


def _authorization(client: ClientV2, url: str) -> messages.Authorization:
    """:raises OrderLost: the server has forgotten it, or it has expired, which the package cannot read."""
    found = _post_for(client, url).json()
    if isinstance(found, dict) and found.get("status") == "expired":
        raise OrderLost("the time to prove the name is over")
    authorization: messages.Authorization = messages.Authorization.from_json(found)
    return authorization


def _renewal_place(client: ClientV2) -> str:
    """Return the beginning of the URLs that say when to renew; "": this server has none."""
    try:
        return str(client.directory["renewalInfo"])
    except KeyError:
        return ""
