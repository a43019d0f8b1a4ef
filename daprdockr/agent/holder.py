"""
Whose a state directory is: what an agent must be in order to go on with the lease it finds there.

Note [A copied state directory]
    A host that is cloned takes its state directory along, and with it a lease that the original holds. Two nodes on one
    lease keep it alive for each other: when one of them dies, nobody starts its instances elsewhere. So beside the
    lease stands who held it: node, prefix, cluster and machine. An agent that differs in any of them leaves that lease
    alone, to end by itself or to live with its holder, and begins one of its own. What is not known, because an older
    agent wrote no such thing or the machine has no id, differs from nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.names import shorten

_MEMBERS: Mapping[str, reading.Check[str]] = dict.fromkeys(("Node", "Prefix", "Machine", "Cluster"), reading.text)


@frozen
class Holder:
    """``machine`` is ``machine_id()``, ``cluster`` the identity of the etcd; "" and 0: not known."""

    node: str = ""
    prefix: str = ""
    machine: str = ""
    cluster: int = 0

    def difference(self, other: Holder) -> str:
        """In what ``other`` is another one, in words; "" if in nothing."""
        own, its = self.write(), other.write()
        differing = [name for name in own if own[name] != its.get(name, own[name])]
        return ", ".join(f"{name.lower()} {shorten(its[name])}, and this is {shorten(own[name])}" for name in differing)

    def write(self) -> dict[str, str]:
        """What is known, as members of a JSON object."""
        cluster = f"{self.cluster:x}" if self.cluster else ""
        members = {"Node": self.node, "Prefix": self.prefix, "Machine": self.machine, "Cluster": cluster}
        return {name: text for name, text in members.items() if text}

    @classmethod
    def read(cls, members: Mapping[str, object]) -> Holder:
        """Whatever else stands there. :raises BadInput: a member is no text."""
        found = {name: check(members.get(name, ""), name) for name, check in _MEMBERS.items()}
        try:
            cluster = int(found["Cluster"] or "0", 16)
        except ValueError:
            cluster = 0
        return cls(found["Node"], found["Prefix"], found["Machine"], cluster)


def machine_id(root: Path = Path("/etc")) -> str:
    """
    What is different on each machine (machine-id(5)), "" if it has no such thing. Hashed, because the id itself is not
    to be handed on.
    """
    try:
        text = (root / "machine-id").read_bytes()[:64].strip()
    except OSError:
        return ""
    return hashlib.blake2s(text, digest_size=8, person=b"daprdock").hexdigest() if text else ""
