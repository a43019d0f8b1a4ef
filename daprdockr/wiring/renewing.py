# -*- test-case-name: tests.unit.wiring.test_renewing -*-
"""The renewer of certificates, where ACME is on."""

from __future__ import annotations

import time
from functools import partial

from daprdockr.acme.keys import SigningKey
from daprdockr.acme.orders import Clocking, Enrolment
from daprdockr.agent.membership.awaited import Awaited
from daprdockr.agent.membership.progress import ClusterProgress
from daprdockr.agent.office import Office
from daprdockr.agent.renewing.obtaining import Chances, Servers
from daprdockr.agent.renewing.reaching import Reach, ReachByEither, ReachByText
from daprdockr.agent.renewing.renewer import Contacts, Renewer
from daprdockr.agent.renewing.texts import Spread
from daprdockr.agent.renewing.vault import Vault
from daprdockr.arguments.acme import Acme
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.lookup import Lookup
from daprdockr.wiring.finding import Found
from daprdockr.wiring.foundation import Foundation


def renewer(base: Foundation, found: Found, progress: ClusterProgress) -> Renewer | None:
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
        connect=partial(_connect, base, found, progress, settings.acme),
        cluster=base.cluster,
        chances=Chances(outside.chance.fraction, outside.chance.secret, outside.clocks.wall),
        record_event=base.journal.record,
    )


def _connect(base: Foundation, found: Found, progress: ClusterProgress, acme: Acme, key: SigningKey) -> Contacts:
    # The renewer alone loads these packages, which take time and memory.
    from daprdockr.acme.reached import ask_address
    from daprdockr.acme.server import AcmeServer

    outside, clocking = base.outside, Clocking(time.monotonic, time.sleep)
    enrolment = Enrolment(acme.email, acme.binding)

    def server(directory: str) -> AcmeServer:
        return AcmeServer(directory, ca=acme.ca, key=key, enrolment=enrolment, clocking=clocking)

    run = outside.pools.acme
    staging = server(acme.staging) if acme.staging else None
    names = Lookup(partial(_upstreams, base, found), outside.reactor)
    reach = Reach(key.thumbprint, base.cluster, names, ask_address, run, outside.chance.secret)
    servers = Servers(server(acme.directory), staging, run, outside.reactor)
    spread = Spread(acme.zone, Awaited(progress, outside.reactor))
    return Contacts(servers, ReachByEither(reach, ReachByText(key.thumbprint, acme.zone, names)), spread)


def _upstreams(base: Foundation, found: Found) -> tuple[Endpoint, ...]:
    named = tuple(Endpoint(*address) for address in base.settings.dns_upstream or ())
    followed = found.around.upstreams
    return named or (followed.value if followed is not None else ())
