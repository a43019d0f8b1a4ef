# -*- test-case-name: tests.unit.wiring.test_composition -*-
"""The parts that carry out the steps which were decided: in etcd, and with containers."""

from __future__ import annotations

from functools import partial

from attrs import evolve, frozen

from daprdockr.agent.host.image_of import ImageOf
from daprdockr.agent.host.last_words import ReadLastWords
from daprdockr.agent.reconcile.carry_out import CarryOut
from daprdockr.agent.reconcile.claim_steps import ClaimSteps
from daprdockr.agent.reconcile.container_steps import ContainerSteps
from daprdockr.agent.reconcile.creating import Creating
from daprdockr.agent.reconcile.delivery import Delivery, StoredValues
from daprdockr.agent.reconcile.engine_threads import EngineThreads
from daprdockr.agent.reconcile.network import ContainerNetwork, container_network
from daprdockr.agent.reconcile.places import InMemory, on_disk, read_mounts
from daprdockr.agent.reconcile.pulling import Pulling
from daprdockr.agent.reconcile.rollout_events import RolloutEvents
from daprdockr.agent.reconcile.rollout_steps import RolloutSteps, RolloutSurroundings
from daprdockr.agent.reconcile.run_steps import RunSteps
from daprdockr.agent.reconcile.slot_steps import SlotSteps
from daprdockr.agent.reconcile.unanswered import Unanswered
from daprdockr.agent.reconcile.under_way import UnderWay
from daprdockr.agent.reconcile.volume_steps import VolumeSteps
from daprdockr.process.own_memory import USUAL, secrets_folder
from daprdockr.wiring.edges import Edges
from daprdockr.wiring.finding import Found
from daprdockr.wiring.foundation import Foundation, Surroundings, own_addresses
from daprdockr.wiring.handing import other_nodes
from daprdockr.wiring.held_ports import not_to_fix, ports_of_routes


@frozen
class InProgress:
    """
    The state that deciding and acting share: transactions without an answer, the values delivered to containers, the
    rollouts under way, and those that stopped.
    """

    unanswered: Unanswered
    delivery: Delivery
    under_way: UnderWay
    stopped: RolloutEvents


def carry_out(base: Foundation, outward: Edges, found: Found, progress: InProgress) -> CarryOut:
    store, run = base.outside.etcd.store, base.outside.pools.etcd.calls
    mirror, here, record_event = found.known.mirror, found.member.standing, base.journal.record
    around = _around_rollouts(base, found, progress)
    return CarryOut(
        ClaimSteps(store=store, run=run, mirror=mirror, here=here, unanswered=progress.unanswered),
        SlotSteps(store, run, mirror, here),
        RolloutSteps(store, run, mirror, here, around),
        RunSteps(
            store=store,
            run=run,
            mirror=mirror,
            containers=around.containers,
            last_words=around.last_words,
            record_event=record_event,
        ),
        VolumeSteps(store=store, run=run, mirror=mirror, here=here, record_event=record_event),
        _container_steps(base, outward, found, progress.delivery),
    )


def _around_rollouts(base: Foundation, found: Found, progress: InProgress) -> RolloutSurroundings:
    return RolloutSurroundings(
        containers=found.local.host.containers,
        last_words=ReadLastWords(base.docker.engine, base.outside.pools.engine.checks),
        image_of=ImageOf(base.docker.engine, base.outside.pools.engine.work, found.local.host.stock),
        wall=base.outside.clocks.wall,
        under_way=progress.under_way,
        stopped=progress.stopped,
    )


def _container_steps(base: Foundation, outward: Edges, found: Found, delivery: Delivery) -> ContainerSteps:
    engine, local, record_event = base.outside.pools.engine, found.local, base.journal.record
    threads = EngineThreads(
        engine=base.docker.engine,
        work=engine.work,
        stops=engine.stops,
        pulls=engine.pulls,
        others=other_nodes(base, outward.peer),
    )
    create = Creating(
        threads=threads,
        host=local.host,
        failures=local.failures,
        here=found.member.standing,
        network=partial(network, base, outward, found.around),
        delivery=delivery,
        record_event=record_event,
    )
    return ContainerSteps(
        threads=threads,
        host=local.host,
        pull=Pulling(threads, local.host.stock, record_event),
        create=create,
        delivery=delivery,
        guarded=local.guarded,
    )


def delivered(base: Foundation, found: Found) -> Delivery:
    outside, settings = base.outside, base.settings
    memory = InMemory(
        places=USUAL if settings.memory_dir is None else (settings.memory_dir,),
        folder=secrets_folder(settings.node, settings.state_dir),
        mounts=read_mounts,
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
