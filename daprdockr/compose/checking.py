# -*- test-case-name: tests.unit.compose.test_definitions -*-
"""The health check of a service."""

from __future__ import annotations

from typing import Any

from daprdockr.compose import units
from daprdockr.compose.service import ComposeService
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

TIMEOUT = 30
"""Seconds that a check has where the file states none, or 0, as with Compose."""

_TIMES = {"interval": "Interval", "timeout": "Timeout", "start_period": "StartPeriod"}


def checking(service: ComposeService) -> None:
    if service.read("healthcheck.disable", units.boolean):
        service.definition["Health"] = {"Type": "none"}
        return
    command = service.read("healthcheck.test", _command)
    if command is None:
        if service.get("healthcheck"):
            service.definition["Health"] = {"Type": "docker"}
            text = "the image's own check keeps its times: to change them, write its command as test"
            service.find("healthcheck", text, weighty=False)
        return
    if not command:
        service.definition["Health"] = {"Type": "none"}
        return
    health: dict[str, Any] = {"Type": "exec", "Cmd": command, "Timeout": TIMEOUT}
    for key, name in _TIMES.items():
        duration = service.read(f"healthcheck.{key}", units.seconds)
        if duration:
            health[name] = units.tidy(duration)
    retries = service.read("healthcheck.retries", units.whole)
    if retries:
        health["Retries"] = retries
    service.definition["Health"] = health


def _command(value: object) -> list[str]:
    """Return the command of a check; none for ``NONE``."""
    if not isinstance(value, list):
        return ["/bin/sh", "-c", units.text(value)]
    kind, *rest = [units.text(one) for one in value] or ["NONE"]
    if kind == "NONE":
        return []
    if kind == "CMD" and rest:
        return rest
    if kind == "CMD-SHELL" and len(rest) == 1:
        return ["/bin/sh", "-c", rest[0]]
    raise BadInput(f"{shorten(value)} is not usable, begin it with CMD, CMD-SHELL or NONE")
