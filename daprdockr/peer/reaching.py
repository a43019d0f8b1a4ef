# -*- test-case-name: tests.unit.peer.test_archives -*-
"""
A volume within reach of the Engine's archives, whatever its instance does.

Note [A container of its own]
    The Engine makes archives of what a container has mounted, running or not, and locks that container until the
    archive has ended: meanwhile it can be neither inspected nor stopped. With a reader that stalls the instance would
    be out of reach. So for each archive a container is made that has only the volume, of the instance's image, which is
    there; it is never started, and is removed at the end. One that an agent left when it ended in the middle is removed
    by the next session.
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

from daprdockr.model.errors import ContainerAbsent, EngineError
from daprdockr.model.host import LABEL_ARCHIVE
from daprdockr.model.session import BackupAsked, RestoreAsked
from daprdockr.peer.admission import NotHere, SessionRefused
from daprdockr.peer.on_this_node import OnThisNode

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
        raise NotHere(f"{asked.instance} has no volume {asked.volume}: it has {', '.join(names) or 'none'}")
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
        name = "".join(one.get("Names") or ()).removeprefix("/")
        if name and name not in here.reaching:  # one without a name is being removed already
            await _remove(here, name)


async def _remove(here: OnThisNode, name: str) -> None:
    with suppress(ContainerAbsent):
        await here.engine.ask("remove a container", "DELETE", f"/containers/{quote(name)}?force=1&v=1")
