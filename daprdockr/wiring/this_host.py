# -*- test-case-name: tests.unit.wiring.test_composition -*-
"""The loops that follow this host: its Engine, its containers, their health, and how long each may run."""

from __future__ import annotations

from functools import partial

from attrs import frozen

from daprdockr.agent.guarding.claimed import claimed_under
from daprdockr.agent.guarding.guarded import Guarded
from daprdockr.agent.host.containerd import ContainerdPulse
from daprdockr.agent.host.containers import Containers
from daprdockr.agent.host.deaths import Deaths
from daprdockr.agent.host.failures import Failures
from daprdockr.agent.host.health import HealthChecks
from daprdockr.agent.host.host import Host
from daprdockr.agent.host.last_words import ReadLastWords
from daprdockr.agent.host.pruning import Pruning
from daprdockr.agent.host.pulse import Pulse
from daprdockr.agent.host.stock import Stock
from daprdockr.agent.mirror.witnesses import Witnesses
from daprdockr.agent.reporting.orphans import Orphans
from daprdockr.model.host import ContainerState
from daprdockr.planning.candidates import runs_elsewhere
from daprdockr.wiring.foundation import Foundation
from daprdockr.wiring.knowledge import Knowledge
from daprdockr.wiring.pruning import pruning


@frozen
class OnThisHost:
    """The containers of this host, their failures, their health, and how long each may run."""

    host: Host
    failures: Failures
    pulse: Pulse
    containerd: ContainerdPulse
    health: HealthChecks
    guarded: Guarded
    orphans: Orphans
    witnesses: Witnesses
    pruning: Pruning | None = None


def on_this_host(base: Foundation, known: Knowledge) -> OnThisHost:
    outside, node = base.outside, base.settings.node
    failures = Failures(
        clock=outside.reactor.seconds,
        chance=outside.chance.fraction,
        runs_elsewhere=lambda service, digest: runs_elsewhere(base.cluster.claims(service).values(), node, digest),
    )
    host = _host(base, failures)
    return OnThisHost(
        host=host,
        failures=failures,
        pulse=Pulse(reactor=outside.reactor, run=outside.pools.engine.ping, engine=base.docker.engine, host=host),
        containerd=ContainerdPulse(
            reactor=outside.reactor, run=outside.pools.engine.ping, engine=base.docker.engine, host=host
        ),
        health=HealthChecks(
            reactor=outside.reactor,
            probe=base.docker.probe,
            chance=outside.chance.fraction,
            on_changes=lambda service: base.signals.services_changed([service]),
        ),
        guarded=_guarded(base, known, host),
        orphans=Orphans(
            reactor=outside.reactor,
            host=host,
            mirror=known.mirror,
            own_containers=base.own_containers,
            own=(node, outside.machine.mark),
            record_event=base.journal.record,
        ),
        witnesses=Witnesses(mirror=known.mirror, containers=partial(_listed, host)),
        pruning=pruning(base, known.mirror, host),
    )


def _listed(host: Host) -> tuple[ContainerState, ...] | None:
    """Return the containers with our labels, adopted or not; None until the Engine listed them."""
    return (*host.containers, *host.containers.held_back) if host.listed else None


def _host(base: Foundation, failures: Failures) -> Host:
    outside, stock = base.outside, Stock(failures.pulled)
    containers = Containers(
        reactor=outside.reactor,
        failures=failures,
        on_changes=base.signals.services_changed,
        on_cut_off=stock.doubt,
        wall=outside.clocks.wall,
        on_death=Deaths(
            last_words=ReadLastWords(base.docker.engine, outside.pools.engine.checks),
            failures=failures,
            record_event=base.journal.record,
            on_changes=base.signals.services_changed,
        ),
        is_held_back=base.own_containers.is_held_back,
    )
    return Host(
        reactor=outside.reactor,
        run=outside.pools.engine.work,
        engine=base.docker.engine,
        listen=base.docker.listen,
        containers=containers,
        stock=stock,
        on_answer=base.signals.node_changed,
    )


def _guarded(base: Foundation, known: Knowledge, host: Host) -> Guarded:
    clocks, settings = base.outside.clocks, base.settings
    return Guarded(
        guard=base.outside.machine.guard,
        host=host,
        ttl=settings.lease_ttl,
        boottime=clocks.boottime,
        boot=clocks.boot,
        ephemeral=settings.ephemeral,
        claimed=partial(claimed_under, known.mirror, settings.node),
    )
