"""The record of a claim in etcd: the state of an instance as its owner reports it."""

from __future__ import annotations

import enum

from attrs import field, frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.host import Port
from daprdockr.model.members import Members, all_members, decode_members, encode_members, known_members
from daprdockr.model.wanted.routed_ports import RoutedPorts


class State(enum.Enum):
    """How far an instance has come."""

    STARTING = "starting"
    PULLING = "pulling"
    RUNNING = "running"
    UNHEALTHY = "unhealthy"
    BACKING_OFF = "backing-off"
    WITHDRAWN = "withdrawn"


@frozen
class ClaimRecord:
    """
    A claim as its owner reports it. ``addresses`` are the host's; ``ports`` have their host ports; ``started`` is the
    Engine's wall-clock time in seconds; ``reason`` says why the state is what it is, for people. ``leaving`` says that
    the owner wants another node to take the instance over, and ``due`` that it is going to replace the container, which
    is unhealthy. ``overdue`` says that it has not come up in time, or cannot without its Engine, and that others need
    not wait for it. ``routed`` are the container ports to which routes lead, by the definition of the container.
    ``delivered`` is the digest of the contents of which the container got the signal ("": not known yet); None: it asks
    for no signal, or an older agent says nothing of that. ``judged`` is the digest of the health check that found what
    ``healthy`` says; None: none has yet, or an older agent says nothing of that.
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
    due: bool = False
    overdue: bool = False
    routed: RoutedPorts = field(factory=RoutedPorts)
    delivered: str | None = None
    judged: str | None = None

    @property
    def fails(self) -> bool:
        """Whether its owner cannot bring the instance up."""
        return self.state is State.BACKING_OFF or (self.state is State.PULLING and bool(self.reason))

    @classmethod
    def decode(cls, data: bytes) -> ClaimRecord:
        """:raises BadInput: if ``data`` is not a claim's record."""
        return cls(**decode_members(data, _MEMBERS, required=("Node",)))

    def encode(self) -> bytes:
        ports = [{"Container": port.container, "Protocol": port.protocol, "Host": port.host} for port in self.ports]
        written = {"State": self.state.value, "Ports": ports, "Routed": self.routed.write()}
        found = all_members(self, _MEMBERS) | written
        return encode_members({name: value for name, value in found.items() if value is not None})


def _state(value: object, path: str) -> State:
    """Read a state that only a newer agent knows as starting: it is not served, and not ours to touch."""
    text = reading.text(value, path)
    return State(text) if text in State._value2member_map_ else State.STARTING


def _port(value: object, path: str) -> Port:
    given = known_members(value, path, _PORT_MEMBERS)
    if "container" not in given:
        raise BadInput(f"{path}.Container is missing")
    return Port(**{"protocol": "tcp", "host": 0, **given})


_PORT_MEMBERS: Members = {
    "Container": ("container", reading.port),
    "Protocol": ("protocol", reading.text),
    "Host": ("host", reading.integer(0, 65535)),
}
_MEMBERS: Members = {
    "Node": ("node", reading.node_name),
    "State": ("state", _state),
    "Healthy": ("healthy", reading.boolean),
    "Addresses": ("addresses", reading.free_texts),
    "Ports": ("ports", reading.tuple_of(_port)),
    "ContainerId": ("container", reading.text),
    "Definition": ("definition", reading.text),
    "Started": ("started", reading.moment),
    "Reason": ("reason", reading.free_text),
    "Leaving": ("leaving", reading.boolean),
    "Due": ("due", reading.boolean),
    "Overdue": ("overdue", reading.boolean),
    "Routed": ("routed", RoutedPorts.read),
    "Delivered": ("delivered", reading.text),
    "Judged": ("judged", reading.text),
}
