# -*- test-case-name: tests.unit.dns.listening.test_listen -*-
"""The DNS of an agent, put together: listeners, authority, forwarder. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random, SystemRandom
from typing import Any

from attrs import asdict
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred

from daprdockr.dns.answering.name_servers import NO_SERVERS, NameServers
from daprdockr.dns.authority import Authority
from daprdockr.dns.clients import Network
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.forwarding.cache import Cache
from daprdockr.dns.forwarding.exchange import SocketExchange
from daprdockr.dns.forwarding.forward import Forwarder
from daprdockr.dns.listening.batched import listen_datagrams
from daprdockr.dns.listening.listen import DnsListeners
from daprdockr.dns.message.outcome import ReplyOutcome
from daprdockr.dns.zone.challenge_zone import ChallengeZone
from daprdockr.dns.zone.zone import Zone


class DnsServer(MultiService):
    """
    DNS over UDP and TCP at ``listen``: the zone that was published last, and other names from upstreams.

    Until the first zone is published, names below ``container.`` get SERVFAIL.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        listen: Sequence[Endpoint],
        allow: Sequence[Network],
        servers: NameServers,
        host_addresses: Callable[[], frozenset[str]],
        taken: dict[Endpoint, str] | None = None,
    ) -> None:
        """
        :param taken: see ``DnsListeners``.
        :param allow: the networks whose clients may have other names forwarded.
        :param servers: the upstreams for other names, none of them this agent.
        :param host_addresses: returns all addresses of the host now, as ``addresses.host_addresses`` does.
        """
        super().__init__()
        system, chance = SystemRandom(), Random()
        self._forwarder = Forwarder(
            reactor, servers, SocketExchange(reactor), cache=Cache(), draw_id=lambda: system.getrandbits(16)
        )
        self._authority = Authority(
            reactor,
            forwarder=self._forwarder if servers != NO_SERVERS else None,
            allow=allow,
            rotation=lambda: chance.getrandbits(32),
        )
        known = dict[Endpoint, str]() if taken is None else taken
        self._listeners = DnsListeners(reactor, listen, self._authority, host_addresses, listen_datagrams, known)
        self._listeners.setServiceParent(self)

    @property
    def bound(self) -> tuple[Endpoint, ...]:
        """The present endpoints."""
        return self._listeners.bound

    @property
    def counts(self) -> dict[str, int]:
        """The counts since the start, by name."""
        return {**asdict(self._authority.counts), **asdict(self._forwarder.counts)}

    @property
    def outcomes(self) -> Mapping[ReplyOutcome, int]:
        """The replies since the start, by what was asked and answered."""
        return self._authority.outcomes

    @property
    def servers(self) -> NameServers:
        """The upstreams for other names."""
        return self._forwarder.servers

    def forward(self, servers: NameServers) -> None:
        """
        Ask these upstreams for other names from now on; a server that was made to forward nothing still refuses them.
        """
        self._forwarder.servers = servers

    def publish(self, zone: Zone) -> None:
        """Answer from this zone from the next query on."""
        self._authority.publish(zone)

    def publish_challenges(self, zone: ChallengeZone | None) -> None:
        """Answer from this challenge zone, too, from the next query on; None: from none."""
        self._authority.challenges = zone

    async def _stop(self) -> None:
        await super().stopService()
        await self._forwarder.stop()

    def stopService(self) -> Deferred[None]:
        """Fires when all sockets are closed."""
        return Deferred.fromCoroutine(self._stop())
