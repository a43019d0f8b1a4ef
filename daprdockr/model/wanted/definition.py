"""
A service definition: what a person wants to run, read from JSON with every mistake named, and written back.

Agent and command line both read definitions here and nowhere else, so that they accept the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any

from attrs import evolve, field, frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.host import Port
from daprdockr.model.members import Members, encode_members, read_members
from daprdockr.model.names import MAX_INSTANCES, ServiceName, check_label, shorten
from daprdockr.model.wanted.before import Before
from daprdockr.model.wanted.container import Container
from daprdockr.model.wanted.files import FileUses, essence_of_files, file_uses, with_stamps
from daprdockr.model.wanted.health import BY_PORT, Health
from daprdockr.model.wanted.http import Http, read_entries, write_entries
from daprdockr.model.wanted.pinned import asked, pinned
from daprdockr.model.wanted.placement import Placement
from daprdockr.model.wanted.port_routes import TcpRoute, UdpRoute, tcp_routes, udp_routes
from daprdockr.model.wanted.routed_ports import RoutedPorts
from daprdockr.model.wanted.schedule import Schedule
from daprdockr.model.wanted.secrets import SecretUses, check_variables, essence, secret_uses, stamped
from daprdockr.model.wanted.update import Update
from daprdockr.model.wanted.uses import refuse_twice


@frozen
class Definition:
    """
    A service as it is wanted. ``stop_timeout`` is the seconds a container has between TERM and KILL;
    ``on_partition`` says whether a node that lost its claim keeps the container ("keep") or stops it ("stop").
    ``restarted`` is when a person last asked for other containers of the same definition, "" for never: any other value
    makes another digest; behind it may stand which image was found then (``pinned``). ``after`` are the services that
    have to be healthy before its first start. ``secrets`` are as ``secrets.stamped`` has them where the mirror is
    known, and another stamp makes another digest, unless a change is reported by a signal; ``files`` are the same for
    what is not secret. With a ``schedule`` it is a job: it has runs, and no instances.
    ``before`` runs before a change of its containers is rolled out.
    """

    name: ServiceName
    instances: int
    container: Container
    http: tuple[Http, ...] = ()
    tcp: tuple[TcpRoute, ...] = ()
    udp: tuple[UdpRoute, ...] = ()
    health: Health | None = None
    placement: Placement = field(factory=Placement)
    update: Update = field(factory=Update)
    on_partition: str = "keep"
    stop_timeout: int = 10
    restarted: str = ""
    after: tuple[ServiceName, ...] = ()
    secrets: SecretUses = ()
    files: FileUses = ()
    schedule: Schedule | None = None
    before: Before | None = None

    @classmethod
    def parse(cls, data: bytes) -> Definition:
        """Read JSON. :raises BadInput: one line that names the place and the remedy."""
        return cls.read(reading.parse_json(data))

    @classmethod
    def read(cls, value: object) -> Definition:
        """Read the parsed JSON that docs/reference/definition.rst describes. :raises BadInput: as ``parse``."""
        given = read_members(value, "", _MEMBERS, required=("Name", "Group", "Container"))
        name = ServiceName(group=given.pop("group"), service=given.pop("service"))
        after = _services_of(given.pop("after", ()), name)
        if "schedule" in given:
            _refuse_for_job({attribute for attribute, item in given.items() if item != ()})
        definition = cls(name=name, after=after, **{"instances": 0 if "schedule" in given else 1, **given})
        if definition.check.type in BY_PORT and not definition.check.port:
            raise BadInput("Health.Port is missing: there is no ContainerPort of Http or Tcp to check instead")
        both = next((p for p in definition.container.host_ports if (p.protocol, p.host) in definition.routed), None)
        if both is not None:
            listens = "every node listens on the port of a route, choose another one"
            raise BadInput(f"Container.PortBindings: {both.host}/{both.protocol} is a route as well: {listens}")
        check_variables(definition.secrets, definition.container.fields.get("Env", ()))
        targets = [use.target for use in definition.secrets if use.target]
        refuse_twice([*targets, *(use.target for use in definition.files)], "Secrets and Files")
        return definition

    def write(self) -> dict[str, Any]:
        """Return the JSON form, without members at their defaults; ``read`` gives an equal definition back."""
        written: dict[str, Any] = {
            "Name": self.name.service,
            "Group": self.name.group,
            **({"Instances": self.instances} if self.schedule is None else {}),
        }
        written["Container"] = dict(self.container.fields)
        if self.http:
            written["Http"] = write_entries(self.http)
        if self.health is not None:
            written["Health"] = self.health.write()
        if self.tcp:
            written["Tcp"] = [route.write() for route in self.tcp]
        if self.udp:
            written["Udp"] = [route.write() for route in self.udp]
        written |= {k: p for k, p in (("Placement", self.placement.write()), ("Update", self.update.write())) if p}
        if self.on_partition != "keep":
            written["OnPartition"] = self.on_partition
        if self.stop_timeout != 10:
            written["StopTimeout"] = self.stop_timeout
        if self.after:
            written["After"] = [one.service if one.group == self.name.group else str(one) for one in self.after]
        lists = (("Secrets", self.secrets), ("Files", self.files))
        written |= {key: [use.write() for use in uses] for key, uses in lists if uses}
        parts = ("Schedule", self.schedule), ("Before", self.before)
        written |= {key: part.write() for key, part in parts if part is not None}
        if self.restarted:
            written["Restarted"] = self.restarted
        return written

    def encode(self) -> bytes:
        """Return the bytes to store in etcd: the JSON form, keys in the order of the documentation."""
        return encode_members(self.write())

    @cached_property
    def check(self) -> Health:
        """
        The effective health check: the stated one, otherwise TCP connect on the first HTTP port or that of the first
        TCP route, otherwise none. Unless it states others, it uses that port, and the first HTTP host name that is no
        wildcard, of its port if there is one.
        """
        routed = [route.container_port for route in self.http] + [route.container_port for route in self.tcp]
        first = routed[0] if routed else 0
        if self.health is None:
            return Health(type="tcp", port=first) if first else Health()
        port = self.health.port or first
        entries = sorted(self.http, key=lambda http: http.container_port != port)
        names = [name for http in entries for name in http.host_names if "*" not in name]
        host = self.health.host or (names[0] if names and self.health.type == "http" else "")
        return evolve(self.health, port=port, host=host)

    @cached_property
    def image(self) -> str:
        """The reference of the image from which its containers are made."""
        return pinned(self.restarted, self.container.image) or self.container.image

    @property
    def to_pull(self) -> str:
        """The restart for which the image is to be pulled again, whatever is there; "" if none is."""
        return asked(self.restarted) if self.image == self.container.image else ""

    @property
    def at_most_one(self) -> bool:
        """Whether two copies of an instance must never run at the same time, not even for a moment."""
        return self.on_partition == "stop"

    @property
    def one_per_node(self) -> bool:
        """Whether a node can have one instance at most: they all need the same host port, or people want it so."""
        return self.placement.one_per_node or bool(self.container.host_ports)

    @cached_property
    def routed(self) -> frozenset[tuple[str, int]]:
        """The ports of its TCP and UDP routes, each with its protocol."""
        return frozenset((*(("tcp", one.port) for one in self.tcp), *(("udp", one.port) for one in self.udp)))

    @cached_property
    def routed_ports(self) -> RoutedPorts:
        """The ports of the containers to which its routes lead."""
        return RoutedPorts(
            http=(one.container_port for one in self.http),
            tcp=(one.container_port for one in self.tcp),
            udp=(one.container_port for one in self.udp),
            http_of=tuple(one.known_by for one in self.http),
            tcp_of=tuple(one.port for one in self.tcp),
            udp_of=tuple(one.port for one in self.udp),
        )

    @cached_property
    def ports(self) -> tuple[Port, ...]:
        """The ports this definition declares, sorted; the image may expose more."""
        declared = set(self.container.exposed)
        declared.update(evolve(port, host=0) for port in self.container.host_ports)
        declared.update(Port(container=http.container_port) for http in self.http)
        declared.update(Port(container=route.container_port) for route in self.tcp)
        declared.update(Port(container=route.container_port, protocol="udp") for route in self.udp)
        if self.check.type in BY_PORT:
            declared.add(Port(container=self.check.port))
        return tuple(sorted(declared))

    @cached_property
    def digest(self) -> str:
        """
        12 hex digits that change when a running container cannot serve this definition any more.

        They are made from the given members, never from defaults, so that a newer agent computes the same for an old
        definition.
        """
        ports = [f"{port.container}/{port.protocol}" for port in self.ports]
        given = [dict(self.container.fields), ports, *([self.on_partition] if self.on_partition != "keep" else [])]
        given += [{"Restarted": self.restarted}] if asked(self.restarted) else []
        given += [{"Secrets": essence(self.secrets)}] if self.secrets else []
        given += [{"Files": essence_of_files(self.files)}] if self.files else []
        given += [{"Job": True}] if self.schedule is not None else []
        text = json.dumps(given, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def runs(self) -> Schedule | None:
        """How its runs are carried out, as a job, or before a rollout; None if it has none."""
        return self.before.schedule if self.before is not None else self.schedule

    @property
    def stated(self) -> Definition:
        """The definition as it is stored, without what the mirror adds of secrets and files."""
        if not (self.secrets or self.files):
            return self
        return evolve(self, secrets=stamped(self.secrets, {}), files=with_stamps(self.files, {}))


def _service(value: object, path: str) -> str:
    return check_label(value, "service")


def _group(value: object, path: str) -> str:
    return check_label(value, "group")


def _services_of(texts: Sequence[str], name: ServiceName) -> tuple[ServiceName, ...]:
    """Return the services of ``After`` of the service ``name``, each once; one without a group is of the same."""
    found: dict[ServiceName, None] = {}
    for index, text in enumerate(texts):
        try:
            one = ServiceName.parse(text if "." in text else f"{text}.{name.group}")
        except BadInput as error:
            raise BadInput(f"After[{index}]: {error}") from None
        if one == name:
            raise BadInput(f"After[{index}]: {name} cannot wait for itself: leave it out")
        found[one] = None
    if len(found) > MOST_AFTER:
        raise BadInput(f"After: {len(found)} services are too many, name at most {MOST_AFTER}")
    return tuple(found)


def _refuse_for_job(given: Collection[str]) -> None:
    """:raises BadInput: a member is given that speaks of instances, which a job has not."""
    for member, (attribute, _) in _MEMBERS.items():
        if attribute in _NOT_FOR_JOBS and attribute in given:
            raise BadInput(f"{member} does not go with Schedule: leave it out, a job has runs and no instances")


def _restarted(value: object, path: str) -> str:
    if len(text := reading.text(value, path)) > _LONGEST_RESTARTED:
        raise BadInput(f"{path}: {shorten(value)} is not usable, write at most {_LONGEST_RESTARTED} characters")
    return text


_LONGEST_RESTARTED = 1024
MOST_AFTER = 16
_NOT_FOR_JOBS = frozenset({"instances", "http", "tcp", "udp", "health", "update", "on_partition", "after", "before"})

_MEMBERS: Members = {
    "Name": ("service", _service),
    "Group": ("group", _group),
    "Instances": ("instances", reading.integer(0, MAX_INSTANCES)),
    "Container": ("container", Container.read),
    "Http": ("http", read_entries),
    "Tcp": ("tcp", tcp_routes),
    "Udp": ("udp", udp_routes),
    "Health": ("health", Health.read),
    "Placement": ("placement", Placement.read),
    "Update": ("update", Update.read),
    "OnPartition": ("on_partition", reading.one_of("keep", "stop")),
    "StopTimeout": ("stop_timeout", reading.integer(0, 3600)),
    "After": ("after", reading.list_of(reading.text)),
    "Secrets": ("secrets", secret_uses),
    "Files": ("files", file_uses),
    "Schedule": ("schedule", Schedule.read),
    "Before": ("before", Before.read),
    "Restarted": ("restarted", _restarted),
}
