# -*- test-case-name: tests.unit.wiring.test_composition -*-
"""The edges of an agent, what the world sees: DNS and nginx, and the private etcd where there is one."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

from daprdockr.agent.host.ports import bound_to
from daprdockr.agent.membership.whereabouts import Whereabouts
from daprdockr.agent.reconcile.container_steps import ContainerNetwork
from daprdockr.arguments.address import default_address
from daprdockr.dns.answering.whom import Whom
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.forwarding.resolvconf import upstreams
from daprdockr.dns.listening.addresses import host_addresses
from daprdockr.dns.server import DnsServer
from daprdockr.dns.zone.zone import Zone
from daprdockr.etcd.embedded import EmbeddedEtcd
from daprdockr.model.errors import NotFound
from daprdockr.process.given import read_given
from daprdockr.proxy.configuration import HttpListener
from daprdockr.proxy.nginx import Nginx
from daprdockr.proxy.program import NginxProgram
from daprdockr.proxy.routes import Routing
from daprdockr.proxy.surroundings import settings_here
from daprdockr.runtime.followed import Followed
from daprdockr.wiring.foundation import Foundation


class Edges(Foundation):
    """Each is None when its options are off."""

    resolv_conf = Path("/etc/resolv.conf")

    @cached_property
    def embedded_etcd(self) -> EmbeddedEtcd | None:
        settings = self.settings
        if not settings.embedded_etcd:
            return None
        return EmbeddedEtcd(
            access=settings.etcd,
            directory=settings.state_dir / "etcd",
            stop_at_exit=settings.ephemeral,
            reactor=self.reactor,
            environment=dict(os.environ),
        )

    @cached_property
    def dns(self) -> DnsServer | None:
        settings = self.settings
        if not settings.dns:
            return None
        listen = [Endpoint(address, port) for address, port in settings.dns]
        followed = self._upstreams(listen) if settings.dns_upstream is None else None
        named = tuple(Endpoint(*address) for address in settings.dns_upstream or ()) or None
        server = DnsServer(
            self.reactor,
            listen=listen,
            allow=settings.dns_allow,
            whom=self._whom(named if followed is None else followed.value),
            host_addresses=host_addresses,
        )
        if followed is not None:
            followed.subscribe(lambda found: server.forward(self._whom(found)))
        return server

    def _whom(self, upstreams: tuple[Endpoint, ...] | None) -> Whom:
        zones = self.settings.dns_forward.items()
        return Whom(upstreams, {zone: tuple(Endpoint(*address) for address in servers) for zone, servers in zones})

    def _upstreams(self, listen: list[Endpoint]) -> Followed[tuple[Endpoint, ...]]:
        """The name servers of resolv.conf that are not ourselves; none until it names one."""

        def read() -> tuple[Endpoint, ...]:
            own = {endpoint.address for endpoint in listen if endpoint.port == 53}
            if own & {"0.0.0.0", "::"}:
                own |= host_addresses()
            found = upstreams(read_given(self.resolv_conf).decode("utf-8", "replace"), own)
            if not found:
                raise NotFound(f"{self.resolv_conf} names none but this agent itself")
            return found

        try:
            first = read()
        except (OSError, NotFound):
            first = ()
        return self.following("the list of upstream name servers", read, first)

    @cached_property
    def nginx(self) -> Nginx | None:
        settings = self.settings
        if not settings.http:
            return None
        listeners = [HttpListener(address, port) for address, port in settings.http]
        return Nginx(
            program=NginxProgram(path=settings.nginx, environment=dict(os.environ), reactor=self.reactor),
            settings=settings_here(settings.state_dir / "nginx", listeners),
            reactor=self.reactor,
            run=self.nginx_thread,
            leave_running=not settings.ephemeral,
        )

    @cached_property
    def whereabouts(self) -> Followed[Whereabouts]:
        """Where this node is, as its records say it."""
        first = Whereabouts.of(self.settings.host, self.own_addresses())
        return self.following("where this node is", self._where, first)

    def _where(self) -> Whereabouts:
        """:raises NotFound: this host has no default route for now."""
        published = self.settings.host if self.settings.host_given else (self.default_address(),)
        return Whereabouts.of(published, self.own_addresses())

    @property
    def addresses(self) -> tuple[str, ...]:
        """What this node publishes now."""
        return self.whereabouts.value.addresses

    default_address = staticmethod(default_address)

    def resolvers(self) -> list[str]:
        """This node's DNS as its containers can reach it: on port 53 of an address that is not loopback."""
        bound = {endpoint.address for endpoint in self.dns.bound if endpoint.port == 53} if self.dns else set()
        return [a for a in self.addresses if a in bound and not a.startswith("127.") and a != "::1"]

    def own_addresses(self) -> frozenset[str]:
        """The addresses of this host now; none if the kernel does not say."""
        try:
            return host_addresses()
        except OSError:
            return frozenset()

    def network(self) -> ContainerNetwork:
        """
        What containers get of this host's network now. Where ``--host`` was not given, the address may change while
        they run, and ports that were bound to it alone would not follow: they are published on all addresses.
        """
        published = bound_to(self.addresses, self.own_addresses()) if self.settings.host_given else ()
        return ContainerNetwork(tuple(self.resolvers()), published)

    def publish_zone(self, zone: Zone) -> None:
        if self.dns is not None:
            self.dns.publish(zone)

    def publish_routing(self, routing: Routing) -> None:
        if self.nginx is not None:
            self.nginx.publish(routing.routes)
