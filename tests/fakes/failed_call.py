"""A call to etcd that failed, as gRPC raises it."""

from __future__ import annotations

from typing import Any

from daprdockr.etcd.stubs import grpc

Code = grpc.StatusCode


class FailedCall(grpc.RpcError):
    """A failed call with a status."""

    def __init__(self, code: Any, details: str | None = "") -> None:
        self._code, self._details = code, details

    def code(self) -> Any:
        return self._code

    def details(self) -> str | None:
        return self._details
