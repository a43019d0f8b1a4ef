# -*- test-case-name: tests.unit.model.test_trouble -*-
"""The troubles of DNS."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from daprdockr.model.troubles.component import Component


@frozen
class DnsNotServed:
    """DNS is not answered at ``places``, addresses of this node with their port."""

    component: ClassVar[Component] = Component.DNS
    places: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        return (
            f"DNS is not served at {', '.join(self.places)} ({self.reason}): if another program listens there"
            " (ss -lntup says which), end it; or name other addresses with --dns"
        )
