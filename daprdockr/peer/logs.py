"""
The log of an instance, sent as it comes.

Each line is sent as the Engine has it, with the time at which the Engine read it. Lines that do not have the text that
was asked for are left out here, so that they cost no network. The text is searched as it stands: a pattern that takes
long would hold up the reactor.

Containers of the instance that come while somebody follows join by themselves, from their beginning.

Note [Each line once]
    The Engine may have started a container that is known here as created. Its log is then followed already when its
    start is reported, or the Engine was asked for that and has not answered yet. So no container's log is read twice at
    the same time; and where one is read again, from the last start on, the lines that were sent are left out, which are
    those up to the time of the last one.

Note [A log that is cut off]
    A log that is followed ends with its container, but also with an Engine that is restarted and leaves its containers
    running (``live-restore``), or whose connection is lost. So where the container is still known to run ``CUT_OFF``
    seconds later its log is read on, from the last line that was sent.
"""

from __future__ import annotations

from functools import partial
from math import inf
from urllib.parse import quote, urlencode

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.engine.answers import epoch_seconds
from daprdockr.engine.streams import EngineAnswer
from daprdockr.model.errors import BadInput, EngineError, EngineUnavailable
from daprdockr.model.frames import FrameKind
from daprdockr.model.host import ContainerState
from daprdockr.model.names import InstanceName
from daprdockr.model.session import LogsAsked
from daprdockr.peer.admission import SessionRefused
from daprdockr.peer.channel import AT_FAULT, PeerChannel
from daprdockr.peer.log_lines import LogLines
from daprdockr.peer.on_this_node import OnThisNode

_ROUNDED = 0.001
"""Seconds by which a time may be later as a number."""

POLL = 1.0
"""Seconds between two look-ups of new containers, in case that none was reported."""

CUT_OFF = 2.0
"""See Note [A log that is cut off]."""


class LogSession:
    """One instance's log. See ``begin``."""

    log = Logger()

    def __init__(self, channel: PeerChannel, asked: LogsAsked, here: OnThisNode, reactor: IReactorTime) -> None:
        self._channel = channel
        self._asked = asked
        self._here = here
        self._seen: dict[str, float] = {}
        self._reading: set[str] = set()
        self._open: dict[str, EngineAnswer] = {}
        self._last: dict[str, bytes] = {}
        self._ended: dict[str, float] = {}
        self._noted: dict[str, str] = {}
        self._reactor = reactor
        self._poll = LoopingCall(self._join)
        self._poll.clock = reactor
        self._is_paused = False
        self._over = False

    def begin(self) -> None:
        """Send what there is. :raises SessionRefused: there is nothing of the instance."""
        found = self._here.all_of(self._asked.instance)
        if not found and not (self._asked.follow and self._here.is_claimed(self._asked.instance)):
            raise SessionRefused(f"node {self._here.node} has no container of {self._asked.instance}")
        self._channel.send(FrameKind.ACCEPTED)
        if self._asked.follow:
            for one in found:
                self._seen[one.id] = one.started
                self._read(one, self._asked.tail, self._asked.since)
            self._poll.start(POLL, now=False)
        else:
            Deferred.fromCoroutine(self._one_by_one(found)).addErrback(self._failed)

    def frame(self, kind: FrameKind, content: bytes) -> None:
        raise BadInput("who reads a log sends nothing")

    @property
    def instance(self) -> InstanceName:
        return self._asked.instance

    def on_changes(self) -> None:
        """Take note that containers of the service came or went."""
        if self._poll.running:
            self._join()

    def pause(self) -> None:
        self._is_paused = True
        for stream in self._open.values():
            stream.pause()

    def resume(self) -> None:
        self._is_paused = False
        for stream in self._open.values():
            stream.resume()

    def gone(self) -> None:
        self._over = True
        if self._poll.running:
            self._poll.stop()
        for stream in list(self._open.values()):
            stream.close()

    async def _one_by_one(self, containers: list[ContainerState]) -> None:
        for one in containers:
            await self._read_to_end(one, self._asked.tail, self._asked.since)
        self._finish()

    def _join(self) -> None:
        """
        Read the log of each container that has started since, that of one that was started again from then on; end when
        the instance is another node's. See Note [Each line once].
        """
        for one in self._here.all_of(self._asked.instance):
            before = self._seen.get(one.id)
            if one.id in self._reading:
                continue
            if one.started and one.started != before:
                self._seen[one.id] = one.started
                self._read(one, None, 0.0 if before is None else one.started)
            elif one.running and self._reactor.seconds() - self._ended.get(one.id, inf) >= CUT_OFF:
                self._read_on(one)
        if not self._reading and not self._here.is_claimed(self._asked.instance):
            self._finish()

    def _read_on(self, container: ContainerState) -> None:
        """See Note [A log that is cut off]."""
        last = self._last.get(container.id, b"")
        if last:
            self._read(container, None, epoch_seconds(last.decode()) - _ROUNDED)
        else:
            self._read(container, self._asked.tail, self._asked.since)

    def _read(self, container: ContainerState, tail: int | None, since: float) -> None:
        Deferred.fromCoroutine(self._read_to_end(container, tail, since)).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        self.log.failure("a log cannot be sent", failure)
        self.gone()
        self._channel.refuse(AT_FAULT)

    async def _read_to_end(self, container: ContainerState, tail: int | None, since: float) -> None:
        self._reading.add(container.id)
        try:
            details = await self._here.inspected(container.id)
            doing = f"give the log of container {container.id[:12]}"
            stream = await self._here.engine.read(doing, self._path(container.id, tail, since))
            if self._over:
                stream.close()
            else:
                await self._send_all(container.id, stream, bool(details["Config"]["Tty"]))
            self._ended[container.id] = self._reactor.seconds()
        except EngineUnavailable as error:
            self._note(container.id, str(error))
            self._ended[container.id] = self._reactor.seconds()
        except EngineError as error:
            self._note(container.id, str(error))
            self._ended.pop(container.id, None)
        finally:
            self._reading.discard(container.id)

    def _note(self, container: str, text: str) -> None:
        """Send it to the person, unless it was sent before: Note [A log that is cut off]."""
        if self._noted.get(container) != text:
            self._noted[container] = text
            self._channel.send(FrameKind.NOTE, text.encode())

    async def _send_all(self, container: str, stream: EngineAnswer, raw: bool) -> None:
        self._open[container] = stream
        sending = LogLines(
            self._channel,
            self._asked.grep.encode(),
            raw,
            stream,
            self._last.get(container, b""),
            partial(self._note, container),
        )
        stream.begin(sending)
        if self._is_paused:
            stream.pause()
        await sending.over
        self._last[container] = sending.last
        del self._open[container]

    def _path(self, container: str, tail: int | None, since: float) -> str:
        query: dict[str, int | str] = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": int(self._asked.follow)}
        query |= {"tail": "all" if tail is None else str(tail)}
        if since:
            query |= {"since": f"{since:.9f}"}
        return f"/containers/{quote(container)}/logs?{urlencode(query)}"

    def _finish(self) -> None:
        if not self._over:
            self.gone()
            self._channel.finish(FrameKind.STATUS, b"0")
