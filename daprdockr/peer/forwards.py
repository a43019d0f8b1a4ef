"""A connection to a port of a container, by way of its node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectError

from daprdockr.engine.byte_stream import ByteStream, QuietFactory
from daprdockr.model.errors import BadInput
from daprdockr.model.frames import FrameKind
from daprdockr.model.names import one_line
from daprdockr.model.session import ForwardAsked
from daprdockr.peer.admission import SessionRefused
from daprdockr.peer.channel import InputFrames, PeerChannel
from daprdockr.peer.on_this_node import OnThisNode
from daprdockr.peer.streamed import Streamed

CONNECT_TIMEOUT = 5


class ForwardSession(Streamed):
    """One connection. See ``begin``."""

    def __init__(self, channel: PeerChannel, asked: ForwardAsked, here: OnThisNode, reactor: Any) -> None:
        self._channel = channel
        self._asked = asked
        self._here = here
        self._reactor = reactor
        self._input_ended = False
        self._output_ended = False

    async def begin(self, by: str) -> None:
        """
        Connect, and record who did, unless there is an event of that.

        :raises SessionRefused: no container runs, or nothing listens there.
        :raises EngineError: the Engine does not say where the container is.
        """
        asked = self._asked
        container = self._here.running(asked.instance)
        address = address_of(await self._here.inspected(container.id))
        if not address:
            raise SessionRefused(f"{asked.instance} has no network, so no port of it can be reached")
        stream = ByteStream()
        endpoint = HostnameEndpoint(self._reactor, address.encode(), asked.port, timeout=CONNECT_TIMEOUT)
        try:
            await endpoint.connect(QuietFactory.forProtocol(lambda: stream))
        except (ConnectError, OSError) as error:
            text = f"port {asked.port} of {asked.instance} does not answer on {self._here.node}: {one_line(str(error))}"
            raise SessionRefused(text) from None
        self._stream = stream
        self._record(by)
        self._channel.send(FrameKind.ACCEPTED)
        stream.feed_from(InputFrames(self._channel))
        stream.begin(self)

    def _record(self, by: str) -> None:
        asked, client = self._asked, self._channel.client
        if self._here.connected.is_news((by, client, asked.instance, asked.port), self._reactor.seconds()):
            self._here.record_deed(asked.instance, by, f"connects to port {asked.port} from {client}")

    def frame(self, kind: FrameKind, content: bytes) -> None:
        """Take a frame. :raises BadInput: it has no use here."""
        assert self._stream is not None
        if kind is FrameKind.INPUT:
            self._stream.write(content)
        elif kind is FrameKind.INPUT_ENDS:
            self._input_ended = True
            self._stream.end_input()
            self._close_when_both_ended()
        else:
            raise BadInput(f"a connection takes no frame of the kind {kind.name}")

    def received(self, data: bytes) -> None:
        self._channel.send(FrameKind.OUTPUT, data)

    def ended(self) -> None:
        self._output_ended = True
        self._channel.send(FrameKind.OUTPUT_ENDS)
        self._close_when_both_ended()

    def lost(self) -> None:
        self._channel.finish(FrameKind.STATUS, b"0")

    def _close_when_both_ended(self) -> None:
        if self._input_ended and self._output_ended and self._stream is not None:
            self._stream.finish()


def address_of(container: Mapping[str, Any]) -> str:
    """Return where the ports of a container are reached from its host; "" where they are not."""
    if container["HostConfig"].get("NetworkMode") == "host":
        return "127.0.0.1"
    networks = (container.get("NetworkSettings") or {}).get("Networks") or {}
    found = [one.get("IPAddress") or one.get("GlobalIPv6Address") for one in networks.values()]
    return next((str(address) for address in found if address), "")
