# -*- test-case-name: tests.unit.model.test_trouble -*-
"""The troubles of the relay, which serves TCP and UDP routes."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from daprdockr.model.troubles.component import Component, Quoted


@frozen
class RelayDown:
    """It ended, and will be started again."""

    component: ClassVar[Component] = Component.PORTS
    reason: str

    def __str__(self) -> str:
        return f"the relay of TCP and UDP routes does not run: {self.reason}"


@frozen
class PortsNotServed(Quoted):
    """The latest TCP and UDP routes are not in effect; the last ones are."""

    component: ClassVar[Component] = Component.PORTS
