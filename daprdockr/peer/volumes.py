"""The named volumes of this node's Docker Engine, those that nobody uses too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from daprdockr.model.errors import BadInput
from daprdockr.model.frames import FrameKind
from daprdockr.model.host import LABEL_ARCHIVE, LABEL_INSTANCE
from daprdockr.model.node_volumes import NodeVolume, write_volumes
from daprdockr.peer.channel import PeerChannel
from daprdockr.peer.on_this_node import OnThisNode

_ANONYMOUS = re.compile("[0-9a-f]{64}", re.ASCII)
"""The names that the Engine gives to volumes that have none."""


class VolumesSession:
    """One answer, which is sent as soon as the Engine has given it. See ``begin``."""

    def __init__(self, channel: PeerChannel, here: OnThisNode) -> None:
        self._channel = channel
        self._engine = here.engine

    async def begin(self) -> None:
        """:raises EngineError: the Engine does not say."""
        volumes = await self._engine.ask("list volumes", "GET", "/volumes")
        containers = await self._engine.ask("list containers", "GET", "/containers/json?all=1")
        self._channel.send(FrameKind.ACCEPTED)
        self._channel.send(FrameKind.OUTPUT, write_volumes(_named(volumes.get("Volumes") or (), containers)))
        self._channel.finish(FrameKind.STATUS, b"0")

    def frame(self, kind: FrameKind, content: bytes) -> None:
        raise BadInput("who lists volumes sends nothing")

    def pause(self) -> None:
        """All is sent."""

    def resume(self) -> None:
        """As ``pause``."""

    def gone(self) -> None:
        """As ``pause``."""


def _named(volumes: Iterable[Mapping[str, Any]], containers: Iterable[Mapping[str, Any]]) -> list[NodeVolume]:
    """Return the volumes that have a name, each with the containers that have it mounted."""
    users: dict[str, set[str]] = {}
    for one in containers:
        labels = one.get("Labels") or {}
        if LABEL_ARCHIVE not in labels:
            known = (one.get("Names") or [one.get("Id", "")[:12]])[0]  # no name: it is being removed
            name = labels.get(LABEL_INSTANCE) or str(known).removeprefix("/")
            for mount in one.get("Mounts") or ():
                users.setdefault(str(mount.get("Name", "")), set()).add(name)
    names = [str(one["Name"]) for one in volumes]
    return [NodeVolume(n, tuple(sorted(users.get(n, ())))) for n in names if not _ANONYMOUS.fullmatch(n)]
