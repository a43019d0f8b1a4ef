# -*- test-case-name: tests.unit.model.test_trouble -*-
"""The parts of an agent that may be in trouble."""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class Component(Enum):
    """The part of an agent that is in trouble."""

    ETCD = "etcd"
    LEASE = "lease"
    ADDRESSES = "addresses"
    ENGINE = "engine"
    GUARD = "guard"
    THREADS = "threads"
    HTTP = "http"
    PORTS = "ports"
    DNS = "dns"
    DISK = "disk"


@frozen
class Quoted:
    """The text of an error, unchanged."""

    reason: str

    def __str__(self) -> str:
        return self.reason
