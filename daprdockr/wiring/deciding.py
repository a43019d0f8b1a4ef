# -*- test-case-name: tests.unit.wiring.test_composition,tests.unit.wiring.test_serving -*-
"""The loops that decide and act, and those that report the results: made when everything they depend on exists."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from attrs import evolve, frozen

from daprdockr.agent.ephemeral import Ephemeral
from daprdockr.agent.host.last_words import ReadLastWords
from daprdockr.agent.membership.progress import Followers, Serving
from daprdockr.agent.mirror.roster import Roster
from daprdockr.agent.reconcile.carry_out import CarryOut
from daprdockr.agent.reconcile.claim_steps import ClaimSteps
from daprdockr.agent.reconcile.container_steps import ContainerSteps, GivenToContainers
from daprdockr.agent.reconcile.counted_steps import CountedSteps
from daprdockr.agent.reconcile.delivery import Delivery, StoredValues
from daprdockr.agent.reconcile.engine_threads import EngineThreads
from daprdockr.agent.reconcile.gather import Gather, GatherClaims, GatherHost
from daprdockr.agent.reconcile.network import ContainerNetwork, container_network
from daprdockr.agent.reconcile.own_checks import OwnChecks
from daprdockr.agent.reconcile.places import MOUNTS, USUAL, InMemory, on_disk
from daprdockr.agent.reconcile.reconcile import Informed, Reconcile
from daprdockr.agent.reconcile.rollout_events import RolloutEvents
from daprdockr.agent.reconcile.rollout_steps import RolloutSteps, RolloutSurroundings
from daprdockr.agent.reconcile.rollouts import RolloutTimes
from daprdockr.agent.reconcile.run_steps import RunSteps
from daprdockr.agent.reconcile.run_times import RunTimes
from daprdockr.agent.reconcile.since import OtherTimes, Since
from daprdockr.agent.reconcile.slot_steps import SlotSteps
from daprdockr.agent.reconcile.unanswered import Unanswered
from daprdockr.agent.reconcile.under_way import UnderWay
from daprdockr.agent.reconcile.volume_steps import VolumeSteps
from daprdockr.agent.reconcile.wall import BelievedWall
from daprdockr.agent.reconcile.withdrawals import Withdrawals
from daprdockr.agent.reporting.doubting import Doubting
from daprdockr.agent.reporting.publish import Publish
from daprdockr.agent.reporting.publish_challenges import PublishChallenges
from daprdockr.agent.reporting.publish_ports import PublishPorts
from daprdockr.wiring.edges import Edges
from daprdockr.wiring.finding import Found
from daprdockr.wiring.foundation import Foundation, Surroundings, own_addresses
from daprdockr.wiring.handing import other_nodes
from daprdockr.wiring.held_ports import held_ports, not_to_fix, ports_of_routes


@frozen
class Deciding:
    """``ephemeral`` is None for an agent that leaves its containers running."""

    gather: Gather
    since: Since
    reconcile: Reconcile
    steps: CountedSteps
    ephemeral: Ephemeral | None
    withdrawals: Withdrawals
    stopped: RolloutEvents


def deciding(base: Foundation, outward: Edges, found: Found, reports: Reporting) -> Deciding:
    outside, unanswered, delivery = base.outside, Unanswered(), _delivery(base, found)
    roster = Roster(base.cluster)
    withdrawals = _withdrawals(base, found, reports)
    on_host = _on_host(base, found, delivery)
    rollouts, stopped = _rollout_times(base, found, on_host), RolloutEvents(base.cluster, base.journal.record)
    since = _since(base, found, roster, withdrawals, rollouts)
    gather = _gather(found, unanswered, roster, since, on_host)
    claims = ClaimSteps(
        store=outside.etcd.store,
        run=outside.pools.etcd.calls,
        mirror=found.known.mirror,
        here=found.member.standing,
        unanswered=unanswered,
    )
    slots = SlotSteps(outside.etcd.store, outside.pools.etcd.calls, found.known.mirror, found.member.standing)
    carry_out = CarryOut(
        claims,
        slots,
        _rollout_steps(base, found, rollouts.under_way, stopped),
        _run_steps(base, found),
        _volume_steps(base, found),
        _container_steps(base, outward, found, delivery),
    )
    steps = CountedSteps(carry_out, outside.reactor.seconds)
    reconcile = Reconcile(
        reactor=outside.reactor,
        gather=gather,
        since=since,
        informed=Informed(found.local.health, withdrawals),
        failures=found.local.failures,
        carry_out=steps,
        record_event=base.journal.record,
    )
    ephemeral = _ephemeral(base, found, delivery) if base.settings.ephemeral else None
    return Deciding(gather, since, reconcile, steps, ephemeral, withdrawals, stopped)


def _withdrawals(base: Foundation, found: Found, reports: Reporting) -> Withdrawals:
    return Withdrawals(
        here=found.member.standing,
        cluster=base.cluster,
        own_claims=found.known.own_claims,
        containers=found.local.host.containers,
        followers=reports.followers,
    )


def _on_host(base: Foundation, found: Found, delivery: Delivery) -> GatherHost:
    local = found.local
    checks = OwnChecks(base.cluster, local.host.containers)
    return GatherHost(local.host, local.failures, local.health, checks, delivery.renewed)


def _rollout_times(base: Foundation, found: Found, on_host: GatherHost) -> RolloutTimes:
    return RolloutTimes(
        here=found.member.standing,
        cluster=base.cluster,
        containers=found.local.host.containers,
        on_host=on_host,
        checks=on_host.checks,
    )


def _rollout_steps(base: Foundation, found: Found, under_way: UnderWay, stopped: RolloutEvents) -> RolloutSteps:
    outside = base.outside
    around = RolloutSurroundings(
        containers=found.local.host.containers,
        last_words=ReadLastWords(base.docker.engine, outside.pools.engine.checks),
        clock=outside.clocks.wall,
        under_way=under_way,
        stopped=stopped,
    )
    return RolloutSteps(outside.etcd.store, outside.pools.etcd.calls, found.known.mirror, found.member.standing, around)


def _run_steps(base: Foundation, found: Found) -> RunSteps:
    outside = base.outside
    return RunSteps(
        store=outside.etcd.store,
        run=outside.pools.etcd.calls,
        mirror=found.known.mirror,
        containers=found.local.host.containers,
        last_words=ReadLastWords(base.docker.engine, outside.pools.engine.checks),
        record_event=base.journal.record,
    )


def _volume_steps(base: Foundation, found: Found) -> VolumeSteps:
    outside = base.outside
    return VolumeSteps(
        store=outside.etcd.store,
        run=outside.pools.etcd.calls,
        mirror=found.known.mirror,
        here=found.member.standing,
        record_event=base.journal.record,
    )


def _run_times(base: Foundation, found: Found) -> RunTimes:
    outside = base.outside
    return RunTimes(
        here=found.member.standing,
        cluster=base.cluster,
        containers=found.local.host.containers,
        wall=BelievedWall(outside.clocks.wall, outside.reactor.seconds),
    )


def _since(base: Foundation, found: Found, roster: Roster, withdrawals: Withdrawals, rollouts: RolloutTimes) -> Since:
    return Since(
        here=found.member.standing,
        cluster=base.cluster,
        host=found.local.host,
        candidates=roster,
        rebalance=not base.settings.no_rebalance,
        others=OtherTimes(withdrawals, rollouts, _run_times(base, found)),
    )


def _gather(found: Found, unanswered: Unanswered, roster: Roster, since: Since, on_host: GatherHost) -> Gather:
    known = found.known
    return Gather(
        here=found.member.standing,
        mirror=known.mirror,
        claims=GatherClaims(known.mirror, known.own_claims, unanswered),
        on_host=on_host,
        candidates=roster,
        mass_expiry=known.mass_expiry,
        since=since,
    )


def _container_steps(base: Foundation, outward: Edges, found: Found, delivery: Delivery) -> ContainerSteps:
    engine, local = base.outside.pools.engine, found.local
    threads = EngineThreads(
        engine=base.docker.engine,
        work=engine.work,
        stops=engine.stops,
        pulls=engine.pulls,
        others=other_nodes(base, outward.peer),
    )
    return ContainerSteps(
        threads=threads,
        host=local.host,
        failures=local.failures,
        here=found.member.standing,
        given=GivenToContainers(partial(network, base, outward, found.around), delivery),
        guarded=local.guarded,
        record_event=base.journal.record,
    )


def _delivery(base: Foundation, found: Found) -> Delivery:
    outside, settings = base.outside, base.settings
    memory = InMemory(
        places=USUAL if settings.memory_dir is None else (settings.memory_dir,),
        agent=f"{settings.node} {settings.state_dir}",
        mounts=lambda: MOUNTS.read_text(encoding="utf-8"),
    )
    containers = found.local.host.containers
    return Delivery(
        values=StoredValues(
            outside.etcd.store, outside.pools.etcd.calls, base.cluster, lambda: found.around.cluster_keys.value
        ),
        secrets=memory.files,
        files=on_disk(settings.state_dir),
        engine=base.docker.engine,
        known=lambda: {one.mark for one in (*containers, *containers.held_back)},
    )


def network(base: Foundation, outward: Edges, around: Surroundings) -> ContainerNetwork:
    """Return the network settings of containers as of now."""
    bound = outward.dns.bound if outward.dns is not None else ()
    own, fixed = own_addresses(base.outside.machine), base.settings.host_given
    found = container_network(around.whereabouts.value.addresses, own, bound, fixed=fixed)
    owners = ports_of_routes(base.cluster)
    return evolve(found, routes=frozenset(owners), held=not_to_fix(base.settings, owners))


def _ephemeral(base: Foundation, found: Found, delivery: Delivery) -> Ephemeral:
    run, engine = base.outside.pools.engine.stops, base.docker.engine
    foreign = found.local.host.containers.holds_back
    return Ephemeral(
        run=run,
        engine=engine,
        heartbeat=found.member.heartbeat,
        is_foreign=foreign,
        clear=lambda container: delivery.remove(container.mark),
    )


@frozen
class Reporting:
    """The loops that report: to DNS, nginx and the relay, and to etcd."""

    publish: Publish
    publish_ports: PublishPorts
    doubting: Doubting
    followers: Followers
    publish_challenges: PublishChallenges


def reporting(base: Foundation, outward: Edges, found: Found) -> Reporting:
    outside, node = base.outside, base.settings.node
    publish = Publish(
        reactor=outside.reactor,
        node=node,
        addresses=found.around.whereabouts.value.addresses,
        cluster=base.cluster,
        own_claims=found.known.own_claims,
        may_run=found.local.host.may_run,
        record_event=base.journal.record,
    )
    publish_ports = PublishPorts(
        reactor=outside.reactor,
        node=node,
        cluster=base.cluster,
        claims=publish.claims,
        held=lambda: held_ports(base.settings, found.local.host.containers),
        record_event=base.journal.record,
    )
    heartbeat = found.member.heartbeat
    doubting = Doubting(
        reactor=outside.reactor,
        run=outside.pools.etcd.calls,
        store=outside.etcd.store,
        key=base.cluster.keys.doubt(node),
        mirror=found.known.mirror,
        host=found.local.host,
        lease=lambda: heartbeat.lease,
    )
    challenges = PublishChallenges(base.cluster)
    followers = _followers(base, found, serving((publish, publish_ports, challenges), outward))
    return Reporting(publish, publish_ports, doubting, followers, challenges)


def _followers(base: Foundation, found: Found, served: Serving) -> Followers:
    return Followers(
        reactor=base.outside.reactor,
        node=base.settings.node,
        cluster=base.cluster,
        serving=served,
        record=found.member.progress,
        write=found.member.heartbeat.refresh,
    )


class Published(Protocol):
    """Something that is published, up to a ``revision`` of the cluster."""

    @property
    def revision(self) -> int: ...


def serving(published: Sequence[Published], outward: Edges) -> Serving:
    """Return what names and routes say of themselves."""
    nginx, relay = outward.nginx, outward.relay

    def reached() -> int:
        in_force = (relay.reached, None if nginx is None else nginx.reached)
        found = [one.revision for one in published]
        return min([*found, *(revision for revision in in_force if revision is not None)])

    return Serving(reached, _nothing if nginx is None else nginx.busy)


async def _nothing() -> frozenset[str]:
    return frozenset()
