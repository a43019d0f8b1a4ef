# -*- test-case-name: tests.functional.test_etcd_stubs -*-
"""
The only importer of etcd3 (as python3-etcd3 installs it), for the generated messages and stubs alone.

Its client, watcher, lock and lease classes are not used: they hang without a deadline, miss events after a broken
connection, and ignore arguments. Importing this module takes about 0.15 s, nearly all of it gRPC.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.unknown_fields import UnknownFieldSet

from daprdockr.model.errors import BadInput
from daprdockr.runtime.quiet_grpc import grpc

try:
    from etcd3.etcdrpc import (
        AlarmRequest,
        AuthenticateRequest,
        AuthStub,
        ClusterStub,
        CompactionRequest,
        Compare,
        DefragmentRequest,
        DeleteRangeRequest,
        KVStub,
        LeaseGrantRequest,
        LeaseKeepAliveRequest,
        LeaseKeepAliveResponse,
        LeaseRevokeRequest,
        LeaseStub,
        MaintenanceStub,
        MemberAddRequest,
        MemberListRequest,
        MemberListResponse,
        MemberRemoveRequest,
        PutRequest,
        RangeRequest,
        RangeResponse,
        RequestOp,
        ResponseHeader,
        SnapshotRequest,
        StatusRequest,
        StatusResponse,
        TxnRequest,
        WatchCreateRequest,
        WatchRequest,
        WatchResponse,
        WatchStub,
    )
    from etcd3.etcdrpc import kv_pb2 as kv
except TypeError as error:  # from protobuf, about code that an old compiler made
    raise BadInput(
        "another package, etcd3 of 2020, lies in the place of python3-etcd3, and protobuf cannot load it: "
        "run pip uninstall etcd3, then pip install --force-reinstall --no-deps python3-etcd3"
    ) from error

__all__ = [
    "AlarmRequest",
    "AuthStub",
    "AuthenticateRequest",
    "ClusterStub",
    "CompactionRequest",
    "Compare",
    "DefragmentRequest",
    "DeleteRangeRequest",
    "KVStub",
    "LeaseGrantRequest",
    "LeaseKeepAliveRequest",
    "LeaseKeepAliveResponse",
    "LeaseRevokeRequest",
    "LeaseStub",
    "MaintenanceStub",
    "MemberAddRequest",
    "MemberListRequest",
    "MemberListResponse",
    "MemberRemoveRequest",
    "PutRequest",
    "RangeRequest",
    "RangeResponse",
    "RequestOp",
    "ResponseHeader",
    "SnapshotRequest",
    "StatusRequest",
    "StatusResponse",
    "TxnRequest",
    "WatchCreateRequest",
    "WatchRequest",
    "WatchResponse",
    "WatchStub",
    "grpc",
    "in_parts",
    "is_learner",
    "is_part",
    "kv",
    "learning",
    "promotion",
    "renewal",
    "sleep_until_messages_come",
    "used_bytes",
]

_LONG_SLEEP = 10.0
"""Seconds."""


def sleep_until_messages_come() -> None:
    """
    Have each thread that waits for a message sleep until one comes.

    gRPC has it wake ten times a second, to handle signals: a fifth of what an idle agent took. So this is for programs
    whose main thread never waits for a message. In others a signal that comes at the moment when that thread falls
    asleep would be handled seconds later. No interface sets this constant; a gRPC without it costs that fifth again.
    """
    if hasattr(grpc, "_common"):
        grpc._common.MAXIMUM_WAIT_TIMEOUT = _LONG_SLEEP


_FRAGMENT_OF_REQUEST = b"\x40\x01"
"""Field 8, true; see ``in_parts``."""

_FRAGMENT_OF_RESPONSE = 7


def in_parts(create: Any) -> Any:
    """
    Return the request for a watch, asking etcd to split a large response into several.

    The messages of python3-etcd3 are older than etcd's field for this (``fragment``, since etcd 3.4), but preserve
    unknown fields. An etcd that is older still ignores it.
    """
    return WatchCreateRequest.FromString(create.SerializeToString() + _FRAGMENT_OF_REQUEST)


def is_part(response: Any) -> bool:
    """Return whether more of the same follows a ``WatchResponse``: see ``in_parts``."""
    return any(unknown.field_number == _FRAGMENT_OF_RESPONSE and unknown.data for unknown in UnknownFieldSet(response))


_LEARNER_OF_REQUEST = b"\x10\x01"
"""Field 2, true; see ``learning``."""

_LEARNER_OF_MEMBER = 5


def learning(add: Any) -> Any:
    """Return the request for a new member that copies and does not vote: a field that is younger than the messages."""
    return MemberAddRequest.FromString(add.SerializeToString() + _LEARNER_OF_REQUEST)


def is_learner(member: Any) -> bool:
    """Return whether a ``Member`` only copies and does not vote."""
    return any(unknown.field_number == _LEARNER_OF_MEMBER and unknown.data for unknown in UnknownFieldSet(member))


def promotion(channel: Any) -> Any:
    """
    Return the call that gives a learner its vote, since etcd 3.4. Its messages have the fields of those that remove a
    member and list all.
    """
    return channel.unary_unary(
        "/etcdserverpb.Cluster/MemberPromote",
        request_serializer=MemberRemoveRequest.SerializeToString,
        response_deserializer=MemberListResponse.FromString,
    )


def renewal(channel: Any) -> Any:
    """
    Return the call that renews a lease once. etcd defines it as two streams, which on the wire looks the same, and as
    such gRPC starts two threads for each call.
    """
    return channel.unary_unary(
        "/etcdserverpb.Lease/LeaseKeepAlive",
        request_serializer=LeaseKeepAliveRequest.SerializeToString,
        response_deserializer=LeaseKeepAliveResponse.FromString,
    )


_USED_OF_STATUS = 9


def used_bytes(status: Any) -> int:
    """Return the part of its database that a member uses: a field that is younger than the messages; 0 if absent."""
    found = (unknown.data for unknown in UnknownFieldSet(status) if unknown.field_number == _USED_OF_STATUS)
    return next((int(number) for number in found), 0)
