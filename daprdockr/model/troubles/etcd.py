# -*- test-case-name: tests.unit.model.test_trouble -*-
"""The troubles with etcd, as the mirror and the check of writes find it."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from daprdockr.model.stored.doubts import COMMAND
from daprdockr.model.troubles.component import Component


@frozen
class EtcdNotReached:
    """It has not answered since the start."""

    component: ClassVar[Component] = Component.ETCD

    def __str__(self) -> str:
        return "etcd was not reached yet"


@frozen
class EtcdDoubted:
    """It answers, and is not believed until a person decides so: see ``model.stored.doubts``."""

    component: ClassVar[Component] = Component.ETCD
    reason: str

    def __str__(self) -> str:
        return f"frozen: {self.reason} ({COMMAND} shows what to do)"


@frozen
class EtcdLost:
    """It cannot be followed now. ``doubted`` is the condition that remains once it can be followed again."""

    component: ClassVar[Component] = Component.ETCD
    reason: str
    doubted: EtcdDoubted | None = None

    def __str__(self) -> str:
        return "; ".join(filter(None, (str(self.doubted or ""), self.reason)))


@frozen
class EtcdDown:
    """The etcd beside the agent ended, or could not be started, and has not run for long since."""

    component: ClassVar[Component] = Component.ETCD
    reason: str

    def __str__(self) -> str:
        return f"the etcd of this host does not run: {self.reason}"


@frozen
class WritesRefused:
    """It refuses writes of these keys; of any key, if none is named."""

    component: ClassVar[Component] = Component.ETCD
    reason: str
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{' '.join(('cannot write', *self.keys))}: {self.reason}"
