# -*- test-case-name: tests.unit.wiring.test_composition -*-
"""The edges of an agent, visible from outside: DNS, nginx and the relay, and the private etcd where there is one."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from daprdockr.agent.certifying.certifying import Certifying
from daprdockr.dns.answering.name_servers import NameServers
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.server import DnsServer
from daprdockr.etcd.embedded import EmbeddedEtcd
from daprdockr.peer.own import OwnPeer
from daprdockr.proxy.access_log import AccessLog
from daprdockr.proxy.clients import HttpClients
from daprdockr.proxy.configuration import HttpListener
from daprdockr.proxy.former import FormerNginx
from daprdockr.proxy.nginx import Nginx
from daprdockr.proxy.program import NginxProgram
from daprdockr.proxy.relay import Relay, RelaySocket, relay_process
from daprdockr.proxy.relay_files import RelayFiles
from daprdockr.proxy.surroundings import settings_here
from daprdockr.wiring.certifying import certifying, tls_files
from daprdockr.wiring.embedding import embedded_etcd
from daprdockr.wiring.foundation import Foundation, Surroundings
from daprdockr.wiring.peering import own_peer


@frozen
class Edges:
    """
    Each is None when its options are off. The relay runs where there are TCP or UDP routes; ``certifying`` hands
    certificates to an nginx with TLS listeners. ``peer`` is what the listener for sessions shows. ``former_nginx`` ends
    the nginx of an earlier agent where there is to be none.
    """

    embedded_etcd: EmbeddedEtcd | None
    dns: DnsServer | None
    nginx: Nginx | None
    access_log: AccessLog | None
    relay: Relay
    certifying: Certifying | None = None
    peer: OwnPeer | None = None
    former_nginx: FormerNginx | None = None


def edges(base: Foundation, around: Surroundings) -> Edges:
    """:raises BadInput: an option does not fit this machine."""
    settings = base.settings
    nginx = _nginx(base) if settings.http or settings.https or settings.http_proxy_protocol else None
    return Edges(
        embedded_etcd=embedded_etcd(base),
        dns=_dns(base, around) if settings.dns else None,
        nginx=nginx,
        access_log=_access_log(base, settings.access_log) if settings.access_log else None,
        relay=_relay(base, around),
        certifying=certifying(base, around, nginx) if nginx is not None and settings.https else None,
        peer=own_peer(base, around),
        former_nginx=_former_nginx(base) if nginx is None else None,
    )


def _dns(base: Foundation, around: Surroundings) -> DnsServer:
    settings, followed = base.settings, around.upstreams
    named = tuple(Endpoint(*address) for address in settings.dns_upstream or ()) or None
    return DnsServer(
        base.outside.reactor,
        listen=[Endpoint(address, port) for address, port in settings.dns],
        allow=settings.dns_allow,
        servers=forwarding(base, named if followed is None else followed.value),
        host_addresses=base.outside.machine.addresses.recent,
        taken=base.dns_taken,
    )


def forwarding(base: Foundation, upstreams: tuple[Endpoint, ...] | None) -> NameServers:
    """Return the upstreams for names that are not ours."""
    zones = base.settings.dns_forward.items()
    return NameServers(upstreams, {zone: tuple(Endpoint(*address) for address in servers) for zone, servers in zones})


def _access_log(base: Foundation, path: Path) -> AccessLog:
    return AccessLog(path, reactor=base.outside.reactor, run=base.outside.pools.nginx)


def _nginx(base: Foundation) -> Nginx:
    settings, outside = base.settings, base.outside
    listeners = [HttpListener(*address) for address in settings.http]
    listeners += [HttpListener(*address, tls=True) for address in settings.https]
    listeners += [HttpListener(*address, proxy_protocol=True) for address in settings.http_proxy_protocol]
    clients = HttpClients(trusted=tuple(map(str, settings.http_trust)), under_way=settings.http_per_client)
    environment = dict(outside.machine.environment)
    return Nginx(
        program=NginxProgram(path=settings.nginx, environment=environment, reactor=outside.reactor),
        settings=settings_here(
            settings.state_dir / "nginx",
            listeners,
            clients,
            settings.http_pages,
            settings.access_log,
            tls_files(base),
        ),
        reactor=outside.reactor,
        run=outside.pools.nginx,
        leave_running=not settings.ephemeral,
        is_sure=lambda: base.cluster.history.unbroken,
    )


def _former_nginx(base: Foundation) -> FormerNginx:
    return FormerNginx(base.settings.state_dir / "nginx", base.outside.pools.nginx)


def _relay(base: Foundation, around: Surroundings) -> Relay:
    settings, outside = base.settings, base.outside
    files = RelayFiles(settings.state_dir / "relay")
    relay = Relay(
        process=relay_process(files, outside.reactor, dict(outside.machine.environment), not settings.ephemeral),
        files=files,
        socket=RelaySocket(path=str(files.socket), reactor=outside.reactor),
        reactor=outside.reactor,
        run=outside.pools.files,
        is_sure=lambda: base.cluster.history.unbroken,
        record_event=base.journal.record,
    )
    relay.move(around.whereabouts.value.listened)
    return relay
