# -*- test-case-name: tests.unit.wiring.test_composition -*-
"""The edges of an agent, visible from outside: DNS and nginx, and the private etcd where there is one."""

from __future__ import annotations

from attrs import frozen

from daprdockr.dns.answering.whom import Whom
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.server import DnsServer
from daprdockr.etcd.embedded import EmbeddedEtcd
from daprdockr.proxy.configuration import HttpListener
from daprdockr.proxy.nginx import Nginx
from daprdockr.proxy.program import NginxProgram
from daprdockr.proxy.surroundings import settings_here
from daprdockr.wiring.foundation import Foundation, Surroundings


@frozen
class Edges:
    """Each is None when its options are off."""

    embedded_etcd: EmbeddedEtcd | None
    dns: DnsServer | None
    nginx: Nginx | None


def edges(base: Foundation, around: Surroundings) -> Edges:
    """:raises BadInput: an option does not fit this machine."""
    settings = base.settings
    return Edges(
        embedded_etcd=_embedded_etcd(base) if settings.embedded_etcd else None,
        dns=_dns(base, around) if settings.dns else None,
        nginx=_nginx(base) if settings.http else None,
    )


def _embedded_etcd(base: Foundation) -> EmbeddedEtcd:
    settings = base.settings
    return EmbeddedEtcd(
        access=settings.etcd,
        directory=settings.state_dir / "etcd",
        stop_at_exit=settings.ephemeral,
        reactor=base.outside.reactor,
        environment=base.outside.machine.environment,
    )


def _dns(base: Foundation, around: Surroundings) -> DnsServer:
    settings, followed = base.settings, around.upstreams
    named = tuple(Endpoint(*address) for address in settings.dns_upstream or ()) or None
    return DnsServer(
        base.outside.reactor,
        listen=[Endpoint(address, port) for address, port in settings.dns],
        allow=settings.dns_allow,
        whom=forwarding(base, named if followed is None else followed.value),
        host_addresses=base.outside.machine.addresses,
    )


def forwarding(base: Foundation, upstreams: tuple[Endpoint, ...] | None) -> Whom:
    """Return the upstreams for names that are not ours."""
    zones = base.settings.dns_forward.items()
    return Whom(upstreams, {zone: tuple(Endpoint(*address) for address in servers) for zone, servers in zones})


def _nginx(base: Foundation) -> Nginx:
    settings, outside = base.settings, base.outside
    listeners = [HttpListener(address, port) for address, port in settings.http]
    environment = dict(outside.machine.environment)
    return Nginx(
        program=NginxProgram(path=settings.nginx, environment=environment, reactor=outside.reactor),
        settings=settings_here(settings.state_dir / "nginx", listeners),
        reactor=outside.reactor,
        run=outside.pools.nginx,
        leave_running=not settings.ephemeral,
        is_sure=lambda: base.cluster.history.unbroken,
    )
