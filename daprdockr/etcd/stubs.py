"""
The one importer of etcd3 and gRPC: the generated messages and stubs, and nothing else of that package.

Its client, watcher, lock and lease classes are not used: they hang without a deadline, miss events after a
broken connection, and ignore arguments. Importing this module takes about 0.15 s, nearly all of it gRPC.
"""

from __future__ import annotations

import os

from google.protobuf.internal import api_implementation

from daprdockr.model.errors import BadInput

if api_implementation.Type() != "python":
    raise BadInput(
        f"protobuf runs its {api_implementation.Type()} backend, which can not load the stubs of etcd3: "
        "unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION, and import daprdockr before anything that uses protobuf"
    )

# gRPC's core writes to standard error by itself, at level INFO even; whoever looks into it sets the variable.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
from etcd3.etcdrpc import (
    AuthenticateRequest,
    AuthStub,
    Compare,
    DeleteRangeRequest,
    KVStub,
    LeaseGrantRequest,
    LeaseKeepAliveRequest,
    LeaseRevokeRequest,
    LeaseStub,
    PutRequest,
    RangeRequest,
    RequestOp,
    TxnRequest,
    WatchCreateRequest,
    WatchRequest,
    WatchStub,
)
from etcd3.etcdrpc import kv_pb2 as kv

__all__ = [
    "AuthStub",
    "AuthenticateRequest",
    "Compare",
    "DeleteRangeRequest",
    "KVStub",
    "LeaseGrantRequest",
    "LeaseKeepAliveRequest",
    "LeaseRevokeRequest",
    "LeaseStub",
    "PutRequest",
    "RangeRequest",
    "RequestOp",
    "TxnRequest",
    "WatchCreateRequest",
    "WatchRequest",
    "WatchStub",
    "grpc",
    "kv",
]
