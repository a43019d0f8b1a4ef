"""
The errors of gRPC and etcd, classed into ours. No other module reads a status code.

Note [A write may have happened]
    When the answer to a write is lost, gRPC reports UNAVAILABLE, UNKNOWN, CANCELLED or DEADLINE_EXCEEDED, and it is
    unknown whether etcd carried the write out. All of these become ``EtcdUnavailable``, and the store never repeats a
    write by itself: the caller reads back, or repeats a commit whose conditions make that harmless.
"""

from __future__ import annotations

import re
from typing import Any

from daprdockr.etcd.address import Access
from daprdockr.etcd.refusals import refusal
from daprdockr.etcd.stubs import grpc
from daprdockr.etcd.tls_failures import tls_failure
from daprdockr.model.errors import EtcdError, EtcdHistoryLost, EtcdTooLarge, EtcdUnavailable
from daprdockr.model.names import one_line

_Code = grpc.StatusCode

_REFUSED = frozenset(
    {
        _Code.INVALID_ARGUMENT,
        _Code.NOT_FOUND,
        _Code.ALREADY_EXISTS,
        _Code.PERMISSION_DENIED,
        _Code.UNAUTHENTICATED,
        _Code.FAILED_PRECONDITION,
        _Code.RESOURCE_EXHAUSTED,
        _Code.UNIMPLEMENTED,
        _Code.DATA_LOSS,
    }
)
_OF_ADMINISTRATION = "auth: "
"""The beginning of a refusal that etcd sends without a status of its own: what its root alone may do."""

_LOST_TOKEN = ("invalid auth token", "revision of auth store is old", "user name is empty")
_NOTATION = re.compile(r"[A-Z_]+: (?=ipv[46]:)|ipv[46]:(?=\S+:\d+: )")
"""gRPC's status and kind of address, before the address that it tried."""

_NEVER_SENT = ("failed to connect to all addresses", "Name resolution failure")


def classed(error: Exception, access: Access) -> EtcdError:
    """Return our error for an error of gRPC, or for the ValueError of a channel that was closed."""
    if not isinstance(error, grpc.RpcError):
        return EtcdUnavailable("the connection to etcd was closed by us")
    code, details = code_of(error), details_of(error)
    if code == _Code.OUT_OF_RANGE:
        return EtcdHistoryLost(f"etcd no longer has that revision ({details}): list again")
    if is_too_large(error):
        return EtcdTooLarge(f"an answer of etcd is too large ({details}): write smaller values")
    # Of all kinds of RESOURCE_EXHAUSTED only this one passes by itself.
    is_refused = code in _REFUSED and "too many requests" not in details
    if is_refused or (code == _Code.UNKNOWN and details.startswith(_OF_ADMINISTRATION)):
        return refusal(details, access)
    reason = details.removeprefix("failed to connect to all addresses; last error: ")
    failure = tls_failure(reason, access)
    text = (
        f"etcd cannot be reached: {failure}"
        if failure
        else f"etcd did not answer at {access} ({_plain(reason)}): {_remedy(access)}"
    )
    return EtcdUnavailable(text, sent=not is_never_sent(error))


def _plain(reason: str) -> str:
    return _NOTATION.sub("", reason).replace("%5B", "[").replace("%5D", "]")


def _remedy(access: Access) -> str:
    if access.secure:
        return "check that it runs there and has a quorum"
    # A member that expects TLS looks to gRPC like one that does not answer.
    return "check that it runs there and has a quorum, and write https:// if it speaks TLS"


def is_lost_token(error: Exception) -> bool:
    """Return whether etcd forgot our token (it expires, and dies with its member): the request was not carried out."""
    return isinstance(error, grpc.RpcError) and any(text in details_of(error) for text in _LOST_TOKEN)


def is_too_large(error: Exception) -> bool:
    """
    Return whether the answer was larger than ``channel.MAX_MESSAGE``.

    The text is gRPC's own; etcd's text about a request that is too large begins with a small letter.
    """
    if not isinstance(error, grpc.RpcError) or code_of(error) != _Code.RESOURCE_EXHAUSTED:
        return False
    return "Received message larger than max" in details_of(error)


def is_unreachable(error: Exception) -> bool:
    """Return whether no member answered, so that another one may."""
    return isinstance(error, grpc.RpcError) and code_of(error) in (_Code.UNAVAILABLE, _Code.DEADLINE_EXCEEDED)


def is_never_sent(error: Exception) -> bool:
    """Return whether the request did not leave this host, so that repeating it is harmless even for a write."""
    return is_unreachable(error) and any(text in details_of(error) for text in _NEVER_SENT)


def code_of(error: Any) -> Any:
    """Return the status of an error of gRPC; None for any other one, such as that of a file."""
    return error.code() if isinstance(error, grpc.RpcError) else None


def details_of(error: Any) -> str:
    """Return the details of etcd's or gRPC's error on one bounded line."""
    details = error.details() or error.code().name.lower().replace("_", " ")
    return one_line(details.removeprefix("etcdserver: "))
