# -*- test-case-name: tests.unit.model.test_trouble -*-
"""The troubles of nginx, which serves HTTP."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from daprdockr.model.troubles.component import Component, Quoted


@frozen
class NginxNotStarted:
    """It has not been started yet."""

    component: ClassVar[Component] = Component.HTTP

    def __str__(self) -> str:
        return "nginx was not started yet"


@frozen
class NginxUnusable(Quoted):
    """There is no program, or no usable one, or its files could not be prepared."""

    component: ClassVar[Component] = Component.HTTP


@frozen
class NginxDown:
    """It ended, and will be started again."""

    component: ClassVar[Component] = Component.HTTP
    reason: str

    def __str__(self) -> str:
        return f"nginx does not run: {self.reason}"


@frozen
class FilesUnwritable:
    """The files that nginx reads cannot be written below ``directory``."""

    component: ClassVar[Component] = Component.HTTP
    directory: str
    reason: str

    def __str__(self) -> str:
        return f"files in {self.directory} cannot be written: {self.reason}"


@frozen
class RoutesNotServed(Quoted):
    """The latest routes are not in effect; the last good ones are."""

    component: ClassVar[Component] = Component.HTTP
