"""Which of this node's DNS addresses a container can reach from its network. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from daprdockr.model.host import EngineNetwork
from daprdockr.model.wanted.definition import Definition


@frozen
class Resolvers:
    """The addresses that a container gets as resolvers; ``lacking`` says why it gets none although there are some."""

    addresses: tuple[str, ...] = ()
    lacking: str = ""


def resolvers(definition: Definition, addresses: Sequence[str], networks: Iterable[EngineNetwork]) -> Resolvers:
    """
    Return those of the families that the container's network has, in their order; all, if that network is unknown.

    :param addresses: where this node answers DNS.
    :param networks: the known networks.
    """
    name = network_of(definition)
    network = next((network for network in networks if name in (network.name, network.id)), None)
    reachable = tuple(a for a in addresses if network is None or family(a) in network.families)
    if reachable or not addresses or definition.container.fields.get("Dns"):
        return Resolvers(reachable)
    there = " and ".join(sorted({f"IPv{family(address)}" for address in addresses}))
    return Resolvers(
        (),
        f"containers on network {name} cannot ask this node's DNS, which has {there} alone: give --host an address"
        f" of the other family, or that network {there}",
    )


def network_of(definition: Definition) -> str:
    """Return the network that a definition names, or the Engine's own."""
    mode = str(definition.container.fields.get("NetworkMode", ""))
    return "bridge" if mode in ("", "default") else mode


def family(address: str) -> int:
    return 6 if ":" in address else 4
