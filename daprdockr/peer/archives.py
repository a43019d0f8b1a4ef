"""
The content of a named volume as a tar archive, both ways.

The Engine's own archives keep owners, modes and links. No content waits in the memory of the agent: Note [A reader that
stalls] in ``channel``.

Note [A container of its own]
    The Engine makes archives of what a container has mounted, running or not, and locks that container until the
    archive has ended: meanwhile it can be neither inspected nor stopped. With a reader that stalls the instance would
    be out of reach. So for each archive a container is made that has only the volume, of the instance's image, which is
    there; it is never started, and is removed at the end. One that an agent left when it ended in the middle is removed
    by the next session.

Note [A whole archive]
    Neither side learns the length of an archive before its end, and a connection that ends says nothing about why. But
    a tar archive ends with two empty blocks. So one that ends without them is not whole, and both sides say so: what
    was written of a backup is of no use, and a restore has put a part into the volume.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from urllib.parse import quote, urlencode

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.engine.streams import EngineAnswer
from daprdockr.engine.upload import EngineUpload, upload
from daprdockr.model.errors import BadInput, ContainerAbsent, EngineError
from daprdockr.model.frames import FrameKind
from daprdockr.model.host import LABEL_ARCHIVE
from daprdockr.model.session import BackupAsked, RestoreAsked
from daprdockr.peer.admission import SessionRefused
from daprdockr.peer.channel import PeerChannel
from daprdockr.peer.commands import InputFrames
from daprdockr.peer.on_this_node import OnThisNode

_END = bytes(1024)
"""The end of each tar archive."""


PLACE = "/volume"
"""The path of the volume in the container that is made for an archive."""


class Reached:
    """A volume, reached by a container of its own: Note [A container of its own]. See ``reach``."""

    log = Logger()

    def __init__(self, here: OnThisNode, name: str) -> None:
        self._here = here
        self._name = name

    def path(self, inside: str, **query: str) -> str:
        """Return the path of the Engine's API for the archive."""
        return f"/containers/{quote(self._name)}/archive?{urlencode({'path': PLACE + inside, **query})}"

    def leave(self) -> None:
        """Remove the container; one that stays is removed by the next session."""
        gone = Deferred.fromCoroutine(_remove(self._here, self._name))
        gone.addBoth(self._left)

    def _left(self, result: object) -> None:
        self._here.reaching.discard(self._name)
        if isinstance(result, Failure):
            self.log.warn("a container for a volume stays: {why}", why=result.value)


async def reach(asked: BackupAsked | RestoreAsked, here: OnThisNode) -> Reached:
    """
    :raises SessionRefused: the instance has no container, or that does not have the volume.
    :raises EngineError: the Engine does not do it.
    """
    found = here.all_of(asked.instance)
    if not found:
        text = f"{asked.instance} has no container on {here.node}, which shows its volumes"
        raise SessionRefused(f"{text}: daprdockrcmd why {asked.instance}")
    details = await here.inspected(max(found, key=lambda one: (one.running, one.started)).id)
    mounts = details.get("Mounts") or ()
    names = sorted(str(one["Name"]) for one in mounts if one.get("Type") == "volume" and one.get("Name"))
    if asked.volume not in names:
        raise SessionRefused(f"{asked.instance} has no volume {asked.volume}: it has {', '.join(names) or 'none'}")
    await _clear(here)
    mount = {"Type": "volume", "Source": asked.volume, "Target": PLACE, "VolumeOptions": {"NoCopy": True}}
    body = {"Image": details["Image"], "Cmd": ["never"], "Entrypoint": [], "NetworkDisabled": True}
    body |= {"Labels": {LABEL_ARCHIVE: _owner(here)}, "HostConfig": {"Mounts": [mount], "NetworkMode": "none"}}
    name = next(name for name in _names(here) if name not in here.reaching)
    here.reaching.add(name)
    try:
        await here.engine.ask(f"reach volume {asked.volume}", "POST", f"/containers/create?name={quote(name)}", body)
    except EngineError:
        here.reaching.discard(name)
        raise
    return Reached(here, name)


def _owner(here: OnThisNode) -> str:
    """Return what distinguishes the agents of one Engine."""
    return f"{here.cluster.keys.prefix}/{here.node}"


def _names(here: OnThisNode) -> Iterator[str]:
    return (f"daprdockr-archive{_owner(here).replace('/', '-')}-{number}" for number in count(1))


async def _clear(here: OnThisNode) -> None:
    """Remove what an agent left that ended in the middle."""
    filters = json.dumps({"label": [f"{LABEL_ARCHIVE}={_owner(here)}"]})
    path = f"/containers/json?{urlencode({'all': 1, 'filters': filters})}"
    for one in await here.engine.ask("list containers", "GET", path):
        name = str(one["Names"][0]).removeprefix("/")
        if name not in here.reaching:
            await _remove(here, name)


async def _remove(here: OnThisNode, name: str) -> None:
    with suppress(ContainerAbsent):
        await here.engine.ask("remove a container", "DELETE", f"/containers/{quote(name)}?force=1&v=1")


class BackupSession:
    """The archive of a volume. See ``begin``."""

    def __init__(self, channel: PeerChannel, asked: BackupAsked, here: OnThisNode) -> None:
        self._channel = channel
        self._asked = asked
        self._here = here
        self._reached: Reached | None = None
        self._stream: EngineAnswer | None = None
        self._tail = b""

    async def begin(self) -> None:
        """Send what is in the volume. :raises SessionRefused, EngineError: it cannot be read."""
        self._reached = await reach(self._asked, self._here)
        try:
            path = self._reached.path("/.")
            self._stream = await self._here.engine.read(f"read volume {self._asked.volume}", path)
        except EngineError:
            self._reached.leave()
            raise
        self._channel.send(FrameKind.ACCEPTED)
        self._stream.begin(self)

    def frame(self, kind: FrameKind, content: bytes) -> None:
        raise BadInput("who makes a backup sends nothing")

    def pause(self) -> None:
        if self._stream is not None:
            self._stream.pause()

    def resume(self) -> None:
        if self._stream is not None:
            self._stream.resume()

    def gone(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def received(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-len(_END) :]
        self._channel.send(FrameKind.OUTPUT, data)

    def ended(self) -> None:
        assert self._stream is not None
        self._stream.close()

    def lost(self) -> None:
        """See Note [A whole archive]."""
        if self._reached is not None:
            self._reached.leave()
        if self._tail == _END:
            self._channel.finish(FrameKind.STATUS, b"0")
        else:
            self._channel.refuse(f"the Docker Engine ended the archive of volume {self._asked.volume} too early")


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
        self._tell(f"{by or 'somebody'} restores volume {self._asked.volume} from {self._channel.client}")
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
        self._here.record_event(str(self._asked.instance), text)
