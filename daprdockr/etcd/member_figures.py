"""
Two figures that stand in etcd's metrics alone: the quota of its database, and what it has compacted. Blocking.

A member answers ``/metrics`` at its clients' address, by plain HTTP or by TLS as it does their calls, and asks nobody
for a role. The names are etcd's own, of 3.4 and younger; that of the compacted revision is one that etcd may change.
"""

from __future__ import annotations

import re
import ssl
import urllib.request
from http.client import HTTPException

from attrs import frozen

from daprdockr.etcd.address import Access

MOST = 4 * 1024 * 1024
"""Bytes of an answer; a usual one has 150 kB."""

_QUOTA = "etcd_server_quota_backend_bytes"
_COMPACTED = "etcd_debugging_mvcc_compact_revision"


@frozen
class MemberFigures:
    """``quota`` in bytes, and the revision up to which history was compacted; 0: it is not known, or was not."""

    quota: int = 0
    compacted: int = 0


def member_figures(access: Access, timeout: float) -> MemberFigures:
    """Return the figures of the member at the first endpoint, as far as it has them."""
    try:
        return read_figures(_asked(access, timeout))
    except (OSError, ValueError, HTTPException):
        return MemberFigures()


def read_figures(text: str) -> MemberFigures:
    """Return the figures that stand in a page of metrics."""
    return MemberFigures(_figure(text, _QUOTA), _figure(text, _COMPACTED))


def _asked(access: Access, timeout: float) -> str:
    scheme = "https" if access.secure else "http"
    # A proxy in the environment is for the web, not for the members of a cluster.
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if access.secure:
        context = ssl.create_default_context(cafile=access.ca)
        # Python 3.13 refuses certificates that do not name their issuer's key, as the first ones of ``init``.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if access.cert is not None:
            context.load_cert_chain(access.cert, access.key)
        handlers.append(urllib.request.HTTPSHandler(context=context))
    place = f"{scheme}://{access.endpoints[0]}/metrics"
    with urllib.request.build_opener(*handlers).open(place, timeout=timeout) as answer:
        return bytes(answer.read(MOST)).decode("utf-8", "replace")


def _figure(text: str, name: str) -> int:
    found = re.search(rf"^{name} ([0-9.e+]{{1,30}})$", text, re.MULTILINE | re.ASCII)
    try:
        return int(float(found[1])) if found else 0
    except (ValueError, OverflowError):
        return 0
