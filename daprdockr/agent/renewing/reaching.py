# -*- test-case-name: tests.unit.agent.renewing.test_reaching -*-
"""
Whether a host name leads to the nodes, checked before an order is made: a server counts the names that fail.

Every address of the name must be one that a node publishes, or answer a challenge as the nodes do, as a balancer before
them does. For a name with ``*.`` the two records in DNS must be there that a person sets once: the CNAME, and the
delegation of the challenge zone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import frozen

from daprdockr.model.errors import NotFound
from daprdockr.model.known.view import ClusterView
from daprdockr.runtime.pool import Run

MOST_ADDRESSES = 8
"""So many addresses of a name are checked."""

LONGEST_TEXT_NAME = 253
"""Characters of the name of a text record."""


class AskAddress(Protocol):
    """Returns the answer of port 80 at an address for a path of a host name; "": there is none. Blocking."""

    def __call__(self, address: str, host_name: str, path: str) -> str: ...


class AskNames(Protocol):
    """Reads DNS by the name servers of this node. :raises NotFound: they do not say."""

    @property
    def anybody(self) -> bool:
        """Whether there are name servers to ask."""

    async def addresses(self, name: str) -> tuple[str, ...]: ...

    async def alias(self, name: str) -> str:
        """Return the name that a CNAME leads to, in lower case; "": there is none."""

    async def texts(self, name: str) -> tuple[str, ...]: ...


@frozen
class Reach:
    """
    :ivar thumbprint: of the account.
    :ivar ask: blocks, so ``run`` calls it in a thread.
    :ivar draw: returns a random number.
    """

    thumbprint: str
    cluster: ClusterView
    names: AskNames
    ask: AskAddress
    run: Run
    draw: Callable[[], int]

    async def __call__(self, host_name: str) -> None:
        """:raises NotFound: the name does not lead here, with the reason."""
        if not self.names.anybody:
            return
        found = await self.names.addresses(host_name)
        if not found:
            raise NotFound(f"{host_name} has no address in DNS: have it lead to the nodes")
        own = {address for node in self.cluster.nodes.values() for address in node.record.addresses}
        token = f"{self.draw():x}"
        for address in found[:MOST_ADDRESSES]:
            if address in own:
                continue
            path = f"/.well-known/acme-challenge/{token}"
            if await self.run(self.ask, address, host_name, path) != f"{token}.{self.thumbprint}":
                raise NotFound(
                    f"{host_name} has the address {address} in DNS, where no node answers on port 80: have it lead to"
                    " the nodes"
                )


@frozen
class ReachByText:
    """
    The same for names with ``*.``.

    :ivar zone: the challenge zone; "": there is none.
    """

    thumbprint: str
    zone: str
    names: AskNames

    async def __call__(self, host_name: str) -> None:
        """:raises NotFound: the records are not there, with the reason."""
        bare = host_name.removeprefix("*.")
        target = f"{bare}.{self.zone}"
        if not self.zone:
            raise NotFound(f"{host_name} is proved by DNS alone: give the agents --acme-zone (docs/guide/tls.rst)")
        if len(target) > LONGEST_TEXT_NAME:
            raise NotFound(f"{host_name} is too long for --acme-zone {self.zone}: choose a shorter zone")
        if not self.names.anybody:
            return
        challenged = f"_acme-challenge.{bare}"
        found = await self.names.alias(challenged)
        if found != target:
            now = f"leads to {found}" if found else "is not there"
            raise NotFound(f"the record {challenged} {now}: set {challenged}. CNAME {target}.")
        if self.thumbprint not in await self.names.texts(self.zone):
            raise NotFound(
                f"the zone {self.zone} is not answered by the nodes: delegate it to them by NS and their addresses, and"
                " let port 53 reach them"
            )


@frozen
class ReachByEither:
    """The check for names of both kinds."""

    http: Reach
    text: ReachByText

    async def __call__(self, host_name: str) -> None:
        """:raises NotFound: the name does not lead here, with the reason."""
        await (self.text if host_name.startswith("*.") else self.http)(host_name)
