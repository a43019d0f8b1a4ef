"""
The records agents keep in etcd: a node's, and a claim's with the state of its instance.

Unknown members are ignored and absent ones have defaults, so that agents of different age read each other.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.host import Port
from daprdockr.model.names import check_label

_TEXTS = reading.list_of(reading.free_text)


class State(enum.Enum):
    """Where an instance is on its way."""

    STARTING = "starting"
    PULLING = "pulling"
    RUNNING = "running"
    UNHEALTHY = "unhealthy"
    BACKING_OFF = "backing-off"


@frozen
class NodeRecord:
    """
    A node as it presents itself: the addresses it publishes, and what placement looks at. ``ready`` says that it
    may be given instances; ``memory`` (bytes) and ``cpus`` are the host's (0: not known); ``images`` are marks of
    those that are there (``planning.candidates.mark``); ``allow`` are the privileges that definitions may use there
    (None: all, because an agent that does not say so is older than the option); ``missing`` are addresses that the
    machine does not have; ``fails`` are services that do not come up there, and ``trouble`` says why nothing at all
    does ("": something does). ``refused`` says what it has to write and etcd refuses ("": nothing). ``machine`` is a
    mark of the machine it is on ("": not known), and ``since`` the revision at which it came to publish its addresses
    (0: that of the record's creation): Note [Two machines, one address] in ``planning.placing.clashes``.
    """

    addresses: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(factory=dict)
    version: str = ""
    ready: bool = True
    memory: int = 0
    cpus: int = 0
    images: tuple[str, ...] = ()
    allow: tuple[str, ...] | None = None
    fails: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    trouble: str = ""
    refused: str = ""
    machine: str = ""
    since: int = 0

    @classmethod
    def decode(cls, data: bytes) -> NodeRecord:
        """:raises BadInput: if it is no record."""
        return cls(**{key.lower(): item for key, item in _members(data, _NODE).items()})

    def encode(self) -> bytes:
        members: dict[str, object] = {
            "Addresses": self.addresses,
            "Labels": dict(self.labels),
            "Version": self.version,
            "Ready": self.ready,
            "Memory": self.memory,
            "Cpus": self.cpus,
            "Images": self.images,
        }
        if self.allow is not None:
            members["Allow"] = self.allow
        if self.fails:
            members["Fails"] = self.fails
        if self.missing:
            members["Missing"] = self.missing
        if self.trouble:
            members["Trouble"] = self.trouble
        if self.refused:
            members["Refused"] = self.refused
        if self.machine:
            members["Machine"] = self.machine
        if self.since:
            members["Since"] = self.since
        return _encode(members)


@frozen
class ClaimRecord:
    """
    A claim as its owner tells it. ``addresses`` are the host's; ``ports`` have their host ports; ``started`` is the
    Engine's wall-clock time in seconds; ``reason`` says why the state is what it is, for people. ``leaving`` says that
    the owner wants another node to take the instance over.
    """

    node: str
    state: State = State.STARTING
    healthy: bool = False
    addresses: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    container: str = ""
    definition: str = ""
    started: float = 0.0
    reason: str = ""
    leaving: bool = False

    @property
    def fails(self) -> bool:
        """Whether its owner cannot bring the instance up."""
        return self.state is State.BACKING_OFF or (self.state is State.PULLING and bool(self.reason))

    @classmethod
    def decode(cls, data: bytes) -> ClaimRecord:
        """:raises BadInput: if it is no record."""
        given = _members(data, _CLAIM)
        if "Node" not in given:
            raise BadInput("Node is missing")
        return cls(**{_CLAIM_NAMES[key]: item for key, item in given.items()})

    def encode(self) -> bytes:
        return _encode(
            {
                "Node": self.node,
                "State": self.state.value,
                "Healthy": self.healthy,
                "Addresses": self.addresses,
                "Ports": [
                    {"Container": port.container, "Protocol": port.protocol, "Host": port.host} for port in self.ports
                ],
                "ContainerId": self.container,
                "Definition": self.definition,
                "Started": self.started,
                "Reason": self.reason,
                "Leaving": self.leaving,
            }
        )


def asks_to_drain(data: bytes) -> bool:
    """Whether a cordon, which may be empty, asks its node to hand over all it has. :raises BadInput: if it is none."""
    return data != b"" and bool(_members(data, {"Drain": reading.boolean}).get("Drain", False))


def asking_to_drain() -> bytes:
    """A cordon that asks its node to hand over all it has."""
    return _encode({"Drain": True})


def _state(value: object, path: str) -> State:
    """A state that only a newer agent knows reads as starting: it is not served, and not ours to touch."""
    text = reading.text(value, path)
    return State(text) if text in State._value2member_map_ else State.STARTING


def _port(value: object, path: str) -> Port:
    given = _known(
        value, path, {"Container": reading.port, "Protocol": reading.text, "Host": reading.integer(0, 65535)}
    )
    if "Container" not in given:
        raise BadInput(f"{path}.Container is missing")
    return Port(container=given["Container"], protocol=given.get("Protocol", "tcp"), host=given.get("Host", 0))


_NODE: Mapping[str, reading.Check[Any]] = {
    "Addresses": lambda value, path: tuple(_TEXTS(value, path)),
    "Labels": reading.map_of(reading.free_text),
    "Version": reading.text,
    "Ready": reading.boolean,
    "Memory": reading.integer(0, 2**63 - 1),
    "Cpus": reading.integer(0, 2**31 - 1),
    "Images": lambda value, path: tuple(_TEXTS(value, path)),
    "Allow": lambda value, path: tuple(_TEXTS(value, path)),
    "Missing": lambda value, path: tuple(_TEXTS(value, path)),
    "Fails": lambda value, path: tuple(_TEXTS(value, path)),
    "Trouble": reading.free_text,
    "Refused": reading.free_text,
    "Machine": reading.text,
    "Since": reading.integer(0, 2**63 - 1),
}

_CLAIM: Mapping[str, reading.Check[Any]] = {
    "Node": lambda value, path: check_label(value, "node"),
    "State": _state,
    "Healthy": reading.boolean,
    "Addresses": lambda value, path: tuple(_TEXTS(value, path)),
    "Ports": lambda value, path: tuple(reading.list_of(_port)(value, path)),
    "ContainerId": reading.text,
    "Definition": reading.text,
    "Started": reading.seconds(0, 1e12),
    "Reason": reading.free_text,
    "Leaving": reading.boolean,
}
_CLAIM_NAMES = {
    "Node": "node",
    "State": "state",
    "Healthy": "healthy",
    "Addresses": "addresses",
    "Ports": "ports",
    "ContainerId": "container",
    "Definition": "definition",
    "Started": "started",
    "Reason": "reason",
    "Leaving": "leaving",
}


def _encode(members: Mapping[str, object]) -> bytes:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def _members(data: bytes, checks: Mapping[str, reading.Check[Any]]) -> dict[str, Any]:
    return _known(reading.parse_json(data), "the record", checks)


def _known(value: object, path: str, checks: Mapping[str, reading.Check[Any]]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInput(f"{path} is not an object")
    return {key: check(value[key], key) for key, check in checks.items() if value.get(key) is not None}
