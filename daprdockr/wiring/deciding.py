# -*- test-case-name: tests.unit.wiring.test_composition -*-
"""The loops that decide and act: made when everything they depend on exists."""

from __future__ import annotations

from attrs import frozen

from daprdockr.agent.ephemeral import Ephemeral
from daprdockr.agent.mirror.roster import Roster
from daprdockr.agent.reconcile.counted_steps import CountedSteps
from daprdockr.agent.reconcile.delivery import Delivery
from daprdockr.agent.reconcile.gather import Gather, GatherClaims, GatherHost
from daprdockr.agent.reconcile.own_checks import OwnChecks
from daprdockr.agent.reconcile.reconcile import Informed, Reconcile
from daprdockr.agent.reconcile.rollout_events import RolloutEvents
from daprdockr.agent.reconcile.rollouts import RolloutTimes
from daprdockr.agent.reconcile.run_times import RunTimes
from daprdockr.agent.reconcile.since import OtherTimes, Since
from daprdockr.agent.reconcile.unanswered import Unanswered
from daprdockr.agent.reconcile.wall import BelievedWall
from daprdockr.agent.reconcile.withdrawals import Withdrawals
from daprdockr.wiring.carrying_out import InProgress, carry_out, delivered
from daprdockr.wiring.edges import Edges
from daprdockr.wiring.finding import Found
from daprdockr.wiring.foundation import Foundation
from daprdockr.wiring.reporting import Reporting


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
    outside, unanswered, delivery = base.outside, Unanswered(), delivered(base, found)
    roster = Roster(base.cluster)
    withdrawals = _withdrawals(base, found, reports)
    on_host = _on_host(base, found, delivery)
    rollouts, stopped = _rollout_times(base, found, on_host), RolloutEvents(base.cluster, base.journal.record)
    since = _since(base, found, roster, withdrawals, rollouts)
    gather = _gather(found, unanswered, roster, since, on_host)
    carried_out = carry_out(base, outward, found, InProgress(unanswered, delivery, rollouts.under_way, stopped))
    steps = CountedSteps(carried_out, outside.reactor.seconds)
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
        progress=reports.progress,
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


def _run_times(base: Foundation, found: Found) -> RunTimes:
    outside = base.outside
    return RunTimes(
        here=found.member.standing,
        cluster=base.cluster,
        containers=found.local.host.containers,
        wall=BelievedWall(outside.clocks.wall, outside.clocks.boottime),
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
