# -*- test-case-name: tests.unit.agent.host.test_health -*-
"""The knowledge of a node about the health of one of its containers."""

from __future__ import annotations

from attrs import frozen

from daprdockr.model.wanted.health import Health


@frozen
class Diagnosis:
    """The default is that of a container about which nothing is known yet."""

    verdict: bool | None = None
    """The result of its health checks (True: healthy; None: not known yet)."""
    failed: int = 0
    """How often in a row its own check failed, as far as that counts."""
    unreached: str = ""
    """The reason why nginx, or the relay, cannot reach it, if it is unhealthy for that alone."""
    complaint: str = ""
    """The finding of its check when it became unhealthy, or while it starts slowly."""
    check: Health | None = None
    """The check that the verdict is from: the former one where the definition has just changed; None: none is known."""


UNKNOWN = Diagnosis()
