"""
The addresses this node publishes, those of them that this machine does not have, and where it listens for TCP and UDP
routes. Values, and the lines about them.

Addresses that ``--host`` names stay as they are: behind a router that translates addresses, a machine has none of those
by which others reach it. Without ``--host`` the address is the one with which the host joined its cluster, or that of
the default route. It changes with a DHCP lease, and the former address leads nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from attrs import frozen
from twisted.logger import Logger

from daprdockr.agent.host.ports import bound_to
from daprdockr.runtime.signal import Signal


@frozen
class Whereabouts:
    """
    ``missing`` are those of ``addresses`` that this machine does not have. TCP and UDP routes are listened to at
    ``listened``: the published addresses, or all if it has none of those, as behind a router that translates addresses.
    """

    addresses: tuple[str, ...]
    missing: tuple[str, ...] = ()
    listened: tuple[str, ...] = ()

    @classmethod
    def of(cls, addresses: Iterable[str], own: Collection[str], had: Collection[str] = ()) -> Whereabouts:
        """
        Compare the published addresses with this machine's.

        :param own: the addresses of this machine; empty: the kernel does not say.
        :param had: the published addresses that it had at some time: one that is away comes back, and meanwhile no
            route is to be open to networks that were not meant.
        """
        published = tuple(addresses)
        missing = tuple(address for address in published if own and address not in own)
        return cls(published, missing, bound_to(published, {*own, *had}) or tuple(sorted(own)) or published)

    @property
    def local(self) -> str:
        """
        The address at which this machine reaches the ports that its containers publish: a published address of its own,
        otherwise loopback, because the ports are then published on all addresses.
        """
        return next((address for address in self.addresses if address not in self.missing), "127.0.0.1")


class Herald:
    """
    Reports changes of the whereabouts, to people and to the parts that publish them.

    :param record_event: takes an event for people.
    """

    log = Logger()

    def __init__(self, *, first: Whereabouts, record_event: Callable[[str], None]) -> None:
        self.moved: Signal[[tuple[str, ...]]] = Signal()
        self._last = Whereabouts(first.addresses)
        self._record_event = record_event

    def update(self, now: Whereabouts) -> None:
        """Report the difference from the last known whereabouts."""
        before, self._last = self._last, now
        if now.missing and now.missing != before.missing:
            self.log.warn(
                "{line}",
                line=f"{', '.join(now.missing)} is published as an address of this node, and no interface of this "
                "machine has it: correct --host, unless a router translates it",
            )
        if now.addresses != before.addresses:
            sentence = (
                f"the address of this node is {', '.join(now.addresses)}, and no longer {', '.join(before.addresses)}, "
                "which the containers that are here have as their resolver until they are replaced"
            )
            self.log.warn("{line}", line=sentence)
            self._record_event(sentence)
            self.moved(now.addresses)
