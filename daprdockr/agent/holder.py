"""
The holder of a state directory: under which conditions an agent may resume the lease it finds there.

Note [A copied state directory]
    A cloned host has a copy of the state directory, and with it a lease that the original holds. Two nodes on one lease
    keep it alive for each other: when one of them dies, nobody starts its instances elsewhere. So the holder is stored
    beside the lease: node, prefix, cluster and machine. An agent that differs in any of them leaves that lease alone,
    to end by itself or to live with its holder, and begins one of its own. Where nothing differs, because the machine
    id was copied too: Note [Two machines, one lease] in ``registration``. An unknown member, because an older agent did
    not store it or the machine has no id, differs from nothing.

Note [A node that was renamed]
    Containers carry the name of their node, which cannot be changed. So the state directory also keeps the names that
    the node had before, and a container that carries one of them, on the Engine of this agent, is adopted as soon as no
    node holds a lease under that name: until then it may belong to a host that was cloned. A container that carries a
    name without a node which this state directory does not know is reported and left alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from attrs import evolve, frozen

from daprdockr.model import reading
from daprdockr.model.names import shorten

T = TypeVar("T", str, int)

_MEMBERS: Mapping[str, reading.Check[str]] = dict.fromkeys(("Node", "Prefix", "Machine", "Cluster"), reading.text)

_NAMES = reading.list_of(reading.text)
MOST_NAMES = 8
"""The most names that are kept; of a node that is renamed often, the latest."""


@frozen
class Holder:
    """
    ``machine`` is ``machine_id()``, ``cluster`` the identity of the etcd; "" and 0: unknown. ``former`` are the names
    that the node had before on this machine: Note [A node that was renamed]. ``clusters`` are the identities that etcd
    had before: Note [Two clusters, one name] in ``agent.mirror.own_containers``.
    """

    node: str = ""
    prefix: str = ""
    machine: str = ""
    cluster: int = 0
    former: tuple[str, ...] = ()
    clusters: tuple[int, ...] = ()

    def in_cluster(self, identity: int) -> Holder:
        """Return this holder with another identity of etcd."""
        former = dict.fromkeys((*self.clusters, self.cluster))
        return evolve(self, cluster=identity, clusters=_latest(former, identity))

    def after(self, before: Holder) -> Holder:
        """Return this holder as the successor of ``before`` in its state directory."""
        if before.machine != self.machine or before.prefix != self.prefix:
            return self
        names = dict.fromkeys((*before.former, before.node))
        clusters = dict.fromkeys((*before.clusters, before.cluster))
        return evolve(self, former=_latest(names, self.node), clusters=_latest(clusters, self.cluster))

    def difference(self, other: Holder) -> str:
        """Return in what ``other`` differs, as text; "" if in nothing."""
        own, its = self._texts(), other._texts()
        differing = [name for name in own if own[name] != its.get(name, own[name])]
        return ", ".join(f"{name.lower()} {shorten(its[name])}, and this is {shorten(own[name])}" for name in differing)

    def write(self) -> dict[str, object]:
        """Return the known attributes, as members of a JSON object."""
        clusters = {"Clusters": [f"{cluster:x}" for cluster in self.clusters]} if self.clusters else {}
        return {**self._texts(), **({"Former": list(self.former)} if self.former else {}), **clusters}

    def _texts(self) -> dict[str, str]:
        cluster = f"{self.cluster:x}" if self.cluster else ""
        members = {"Node": self.node, "Prefix": self.prefix, "Machine": self.machine, "Cluster": cluster}
        return {name: text for name, text in members.items() if text}

    @classmethod
    def read(cls, members: Mapping[str, object]) -> Holder:
        """Read the members; others are ignored. :raises BadInput: a member is no text."""
        found = {name: check(members.get(name, ""), name) for name, check in _MEMBERS.items()}
        former = _NAMES(members.get("Former", []), "Former")
        clusters = filter(None, map(_identity, _NAMES(members.get("Clusters", []), "Clusters")))
        return cls(
            node=found["Node"],
            prefix=found["Prefix"],
            machine=found["Machine"],
            cluster=_identity(found["Cluster"]),
            former=tuple(former[-MOST_NAMES:]),
            clusters=tuple(clusters)[-MOST_NAMES:],
        )


def _latest(known: Iterable[T], now: T) -> tuple[T, ...]:
    """Return the latest of these that say something, but for ``now``."""
    return tuple(one for one in known if one and one != now)[-MOST_NAMES:]


def _identity(text: str) -> int:
    """Return the identity of a cluster in hexadecimal, 0 for anything else."""
    try:
        return int(text or "0", 16)
    except ValueError:
        return 0


def machine_id(root: Path = Path("/etc")) -> str:
    """
    Return a text that differs on each machine (machine-id(5)), "" if it has no id. Hashed, because the id itself is
    confidential.
    """
    try:
        text = (root / "machine-id").read_bytes()[:64].strip()
    except OSError:
        return ""
    return hashlib.blake2s(text, digest_size=8, person=b"daprdock").hexdigest() if text else ""
