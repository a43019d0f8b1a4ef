# -*- test-case-name: tests.unit.wiring.test_composition -*-
"""The renewer of certificates, where ACME is on."""

from __future__ import annotations

import time
from functools import partial

from daprdockr.acme.keys import SigningKey
from daprdockr.acme.orders import Clocking, Enrolment
from daprdockr.agent.renewing.obtaining import Chances, Reaching, Servers
from daprdockr.agent.renewing.office import Office
from daprdockr.agent.renewing.reaching import Reach
from daprdockr.agent.renewing.renewer import Renewer
from daprdockr.agent.renewing.vault import Vault
from daprdockr.arguments.acme import Acme
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.lookup import addresses_of
from daprdockr.wiring.finding import Found
from daprdockr.wiring.foundation import Foundation


def renewer(base: Foundation, found: Found) -> Renewer | None:
    """Return the renewer; None where ACME is off."""
    settings, outside, keys = base.settings, base.outside, base.cluster.keys
    if settings.acme is None:
        return None
    etcd, run = outside.etcd.store, outside.pools.etcd.calls

    def lease() -> int:
        """The office is for nodes that know what is wanted, and that can open what they are to write."""
        ready = found.known.mirror.in_touch and found.around.key_ids()
        return found.member.heartbeat.lease if ready else 0

    return Renewer(
        reactor=outside.reactor,
        office=Office(etcd, run, key=keys.renewer, node=settings.node, lease=lease),
        vault=Vault(etcd, run, keys, lambda: found.around.cluster_keys.value),
        connect=partial(_connect, base, found, settings.acme),
        cluster=base.cluster,
        chances=Chances(outside.chance.fraction, outside.chance.secret, outside.clocks.wall),
        record_event=base.journal.record,
    )


def _connect(base: Foundation, found: Found, acme: Acme, key: SigningKey) -> tuple[Servers, Reaching]:
    # The renewer alone loads these packages, which take time and memory.
    from daprdockr.acme.reached import ask_address
    from daprdockr.acme.server import AcmeServer

    outside, clocking = base.outside, Clocking(time.monotonic, time.sleep)
    enrolment = Enrolment(acme.email, acme.binding)

    def server(directory: str) -> AcmeServer:
        return AcmeServer(directory, ca=acme.ca, key=key, enrolment=enrolment, clocking=clocking)

    run = outside.pools.acme
    staging = server(acme.staging) if acme.staging else None
    reach = Reach(base.cluster, partial(_addresses, base, found), ask_address, run, outside.chance.secret)
    return Servers(server(acme.directory), staging, run, outside.reactor), reach


async def _addresses(base: Foundation, found: Found, name: str) -> tuple[str, ...] | None:
    """Return the addresses of a name, asked of the upstreams; None where there are none."""
    named = tuple(Endpoint(*address) for address in base.settings.dns_upstream or ())
    followed = found.around.upstreams
    servers = named or (followed.value if followed is not None else ())
    return await addresses_of(name, servers, base.outside.reactor) if servers else None
