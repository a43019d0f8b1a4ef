"""Conversions between our entries, conditions and operations and etcd's messages (etcd api/rpc.proto, api/kv.proto)."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from daprdockr.etcd.stubs import Compare, DeleteRangeRequest, PutRequest, RequestOp, kv
from daprdockr.model.reading import MAX_DOCUMENT
from daprdockr.model.stored.entries import Absent, Change, Condition, Deleted, Entry, Fence, Operation, Prefixes, Put

OMITTED = "its value is larger than an agent takes: delete the key, or write a smaller value"


def to_key(key: str) -> bytes:
    # A key that is not UTF-8 must be readable and deletable like any other.
    return key.encode("utf-8", "surrogateescape")


def from_key(key: bytes) -> str:
    return key.decode("utf-8", "surrogateescape")


def prefix_range(prefix: str) -> tuple[bytes, bytes]:
    """Return the first key that begins with ``prefix`` and the one after the last ("" means all keys)."""
    start = to_key(prefix)
    stem = start.rstrip(b"\xff")
    return start or b"\0", stem[:-1] + bytes([stem[-1] + 1]) if stem else b"\0"


def shared_prefix(prefixes: Prefixes) -> str:
    """Return the longest prefix that all of them begin with."""
    if isinstance(prefixes, str):
        return prefixes
    first, last = min(prefixes), max(prefixes)  # if these two agree so far, so do all between them
    differ = (place for place, pair in enumerate(zip(first, last, strict=False)) if len(set(pair)) > 1)
    return first[: next(differ, len(first))]


def to_entry(kv: Any) -> Entry:
    return Entry(
        key=from_key(kv.key),
        value=kv.value,
        create_revision=kv.create_revision,
        mod_revision=kv.mod_revision,
        lease=kv.lease,
    )


def to_seen(kv: Any) -> Entry:
    """Convert as ``to_entry`` does, for one of many: a value that is too long to be read is omitted."""
    return to_entry(kv) if len(kv.value) <= MAX_DOCUMENT else without_value(kv)


def without_value(kv: Any) -> Entry:
    return evolve(to_entry(kv), value=b"", omitted=OMITTED)


def to_change(event: Any) -> Change:
    if event.type == kv.Event.DELETE:
        return Deleted(key=from_key(event.kv.key), mod_revision=event.kv.mod_revision)
    return to_seen(event.kv)


def to_compares(condition: Condition) -> list[Any]:
    """Return the comparisons that hold together exactly when ``condition`` does."""
    key = to_key(condition.key)
    if isinstance(condition, Absent):
        return [_equal(key, Compare.CREATE, create_revision=0)]
    if isinstance(condition, Fence):
        compares = [_equal(key, Compare.CREATE, create_revision=condition.create_revision)]
        if condition.lease:
            compares.append(_equal(key, Compare.LEASE, lease=condition.lease))
        return compares
    return [_equal(key, Compare.MOD, mod_revision=condition.mod_revision)]


def to_request(operation: Operation) -> Any:
    key = to_key(operation.key)
    if isinstance(operation, Put):
        return RequestOp(request_put=PutRequest(key=key, value=operation.value, lease=operation.lease))
    return RequestOp(request_delete_range=DeleteRangeRequest(key=key))


def _equal(key: bytes, aspect: Any, **value: int) -> Any:
    return Compare(key=key, result=Compare.EQUAL, target=aspect, **value)
