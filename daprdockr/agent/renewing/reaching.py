# -*- test-case-name: tests.unit.agent.renewing.test_reaching -*-
"""
Whether a host name leads to the nodes, checked before an order is made: a server counts the names that fail.

Every address of the name must be one that a node publishes, or answer a challenge as the nodes do, as a balancer before
them does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from attrs import frozen

from daprdockr.model.errors import NotFound
from daprdockr.model.known.cluster import Cluster
from daprdockr.runtime.pool import Run

MOST_ADDRESSES = 8
"""So many addresses of a name are checked."""


class AskAddress(Protocol):
    """Returns the answer of port 80 at an address for a path of a host name; "": there is none. Blocking."""

    def __call__(self, address: str, host_name: str, path: str) -> str: ...


@frozen
class Reach:
    """
    :ivar addresses: returns the addresses of a name in DNS; None: nobody can be asked.
    :ivar draw: returns a random number.
    """

    cluster: Cluster
    addresses: Callable[[str], Awaitable[tuple[str, ...] | None]]
    ask: AskAddress
    run: Run
    draw: Callable[[], int]

    async def __call__(self, host_name: str, thumbprint: str) -> None:
        """:raises NotFound: the name does not lead here, with the reason."""
        found = await self.addresses(host_name)
        if found is None:
            return
        if not found:
            raise NotFound(f"{host_name} has no address in DNS: have it lead to the nodes")
        own = {address for node in self.cluster.nodes.values() for address in node.record.addresses}
        token = f"{self.draw():x}"
        for address in found[:MOST_ADDRESSES]:
            if address in own:
                continue
            path = f"/.well-known/acme-challenge/{token}"
            if await self.run(self.ask, address, host_name, path) != f"{token}.{thumbprint}":
                raise NotFound(
                    f"{host_name} has the address {address} in DNS, where no node answers on port 80: have it lead to"
                    " the nodes"
                )
