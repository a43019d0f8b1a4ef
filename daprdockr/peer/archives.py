"""
The content of a named volume as a tar archive, both ways.

The Engine's own archives keep owners, modes and links. No content waits in the memory of the agent: Note [A reader that
stalls] in ``channel``.

Note [A whole archive]
    Neither side learns the length of an archive before its end, and a connection that ends says nothing about why. But
    a tar archive ends with two empty blocks. So one that ends without them is not whole, and both sides say so: what
    was written of a backup is of no use, and a restore has put a part into the volume. A file may have such blocks,
    too, as those of databases do: in a backup they count where a header could be, and an Engine that takes a restore
    sees for itself that a file ends too early.
"""

from __future__ import annotations

from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.engine.streams import EngineAnswer
from daprdockr.engine.upload import EngineUpload, upload
from daprdockr.model.errors import BadInput, EngineError
from daprdockr.model.frames import FrameKind
from daprdockr.model.session import BackupAsked, RestoreAsked
from daprdockr.peer.channel import InputFrames, PeerChannel
from daprdockr.peer.on_this_node import OnThisNode
from daprdockr.peer.reaching import Reached, reach
from daprdockr.peer.streamed import Streamed
from daprdockr.peer.tar_walk import TarWalk

_END = bytes(1024)
"""The end of each tar archive."""


class BackupSession(Streamed):
    """The archive of a volume. See ``begin``."""

    def __init__(self, channel: PeerChannel, asked: BackupAsked, here: OnThisNode) -> None:
        self._channel = channel
        self._asked = asked
        self._here = here
        self._reached: Reached | None = None
        self._walk = TarWalk()

    async def begin(self, by: str) -> None:
        """Send the content of the volume, and record who reads it. :raises SessionRefused, EngineError: none can."""
        self._reached = await reach(self._asked, self._here)
        try:
            path = self._reached.path("/.")
            self._stream = await self._here.engine.read(f"read volume {self._asked.volume}", path)
        except EngineError:
            self._reached.leave()
            raise
        deed = f"backs up volume {self._asked.volume} to {self._channel.client}"
        self._here.record_deed(self._asked.instance, by, deed)
        self._channel.send(FrameKind.ACCEPTED)
        self._stream.begin(self)

    def frame(self, kind: FrameKind, content: bytes) -> None:
        raise BadInput("who makes a backup sends nothing")

    def received(self, data: bytes) -> None:
        self._walk.take(data)
        self._channel.send(FrameKind.OUTPUT, data)

    def ended(self) -> None:
        assert self._stream is not None
        self._stream.close()

    def lost(self) -> None:
        """See Note [A whole archive]."""
        if self._reached is not None:
            self._reached.leave()
        if self._walk.is_whole:
            self._channel.finish(FrameKind.STATUS, b"0")
        else:
            text = f"the Docker Engine ended the archive of volume {self._asked.volume} too early"
            self._channel.refuse(f"{text}, as it does if a file becomes shorter meanwhile")


class RestoreSession:
    """An archive that is put into a volume. See ``begin``."""

    log = Logger()

    def __init__(self, channel: PeerChannel, asked: RestoreAsked, here: OnThisNode) -> None:
        self._channel = channel
        self._asked = asked
        self._here = here
        self._reached: Reached | None = None
        self._upload: EngineUpload | None = None
        self._tail = b""
        self._is_over = False

    async def begin(self, by: str) -> None:
        """Take what comes, and record who sends it. :raises SessionRefused, EngineError: it has no place."""
        self._reached = await reach(self._asked, self._here)
        try:
            path = self._reached.path("", noOverwriteDirNonDir="true")
            self._upload = await upload(self._here.engine, f"restore volume {self._asked.volume}", path)
        except EngineError:
            self._reached.leave()
            raise
        deed = f"restores volume {self._asked.volume} from {self._channel.client}"
        self._here.record_deed(self._asked.instance, by, deed)
        self._channel.send(FrameKind.ACCEPTED)
        self._upload.feed_from(InputFrames(self._channel))
        self._upload.began.addCallbacks(self._taken, self._refused)

    def frame(self, kind: FrameKind, content: bytes) -> None:
        """Take a frame. :raises BadInput: it has no use here."""
        assert self._upload is not None
        if kind is FrameKind.INPUT:
            self._tail = (self._tail + content)[-len(_END) :]
            self._upload.write(content)
        elif kind is FrameKind.INPUT_ENDS and self._tail == _END:
            self._upload.end_input()
        elif kind is FrameKind.INPUT_ENDS:
            self._cut_off("the archive ends too early")  # Note [A whole archive]
        else:
            raise BadInput(f"a restore takes no frame of the kind {kind.name}")

    def pause(self) -> None:
        """Nothing is sent before the end."""

    def resume(self) -> None:
        """As ``pause``."""

    def gone(self) -> None:
        if not self._is_over:
            self._cut_off("the sender is gone")

    def _cut_off(self, reason: str) -> None:
        assert self._upload is not None
        self._end()
        self._upload.close()
        self._tell(f"the restore of volume {self._asked.volume} was cut off, {reason}: a part of it is there")
        self._channel.refuse(f"{reason}: volume {self._asked.volume} has a part of it, restore it again")

    def _end(self) -> None:
        self._is_over = True
        if self._reached is not None:
            self._reached.leave()

    def _taken(self, answer: EngineAnswer) -> None:
        self._end()
        answer.close()
        self._channel.finish(FrameKind.STATUS, b"0")

    def _refused(self, failure: Failure) -> None:
        if self._is_over:
            return
        self._end()
        if not failure.check(EngineError):
            self.log.failure("a restore is at fault", failure)
        self._channel.refuse(f"{failure.value}; volume {self._asked.volume} may have a part of the archive")

    def _tell(self, text: str) -> None:
        self._here.record_event(str(self._asked.instance), text, "")
