"""The health check by a call of gRPC: ``grpc.health.v1.Health/Check`` of gRPC's health checking protocol."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from daprdockr.agent.host.probe import LATE, Target
from daprdockr.model.wanted.health import Health
from daprdockr.runtime.quiet_grpc import grpc

_METHOD = "/grpc.health.v1.Health/Check"
_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", 65536),
    ("grpc.use_local_subchannel_pool", 1),  # another check has a connection of its own
)
_STATUS = b"\x08"
"""The tag of the only field of an answer: number 1, a varint."""

_STATUSES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
_SERVING = 1


class CallCheck:
    """It is asynchronous, so no thread of ours waits for an answer."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    async def __call__(self, target: Target) -> str | None:
        """Check once, as a ``Probe`` does."""
        host = f"[{target.host}]" if ":" in target.host else target.host
        channel = grpc.insecure_channel(f"{host}:{target.port}", options=_OPTIONS)
        try:
            status = _status(await self._answer(channel, target.check))
        except grpc.RpcError as error:
            return _complaint(error)
        finally:
            channel.close()
        return None if status == _SERVING else f"status {_STATUSES.get(status, status)}"

    def _answer(self, channel: Any, check: Health) -> Deferred[bytes]:
        """Return the message of the answer. It fails with ``grpc.RpcError``."""
        call = channel.unary_unary(_METHOD).future(_request(check.service), timeout=check.timeout)
        answer: Deferred[bytes] = Deferred(lambda _: call.cancel())

        def finish() -> None:
            if answer.called:  # cancelled
                return
            error = call.exception()
            answer.callback(call.result()) if error is None else answer.errback(error)

        call.add_done_callback(lambda _: self._reactor.callFromThread(finish))
        return answer


def _request(service: str) -> bytes:
    """Return the message ``HealthCheckRequest``: field 1, a text of less than 128 octets; none means the server."""
    text = service.encode()
    return bytes((0x0A, len(text))) + text if text else b""


def _status(answer: bytes) -> int:
    """Return the status in a ``HealthCheckResponse``; 0 is not written."""
    return answer[1] if len(answer) > 1 and answer.startswith(_STATUS) else 0


def _complaint(error: Any) -> str:
    """Return what went wrong, in words where the server did not choose them."""
    code = error.code()
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return LATE
    if code == grpc.StatusCode.UNIMPLEMENTED:
        return "it does not have the service grpc.health.v1.Health"
    if code == grpc.StatusCode.UNAVAILABLE:
        return "it closed the connection without an answer"
    return f"{code.name}: {error.details()}" if error.details() else str(code.name)
