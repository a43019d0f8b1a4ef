# -*- test-case-name: tests.unit.wiring.test_composition,tests.unit.wiring.test_conditions -*-
"""
The composition root: each part of an agent, made once, from the parts it needs. Builds everything, decides nothing.

It has three storeys: ``wiring.foundation``, ``wiring.edges`` and, here, the loops. Two signals close their circle:
``cluster_changed`` when the mirror of etcd changed, ``services_changed`` when something else about a service did (its
containers, its health). These modules and ``tap`` alone know the reactor, the clock, the environment and the source of
random numbers.
"""

from __future__ import annotations

import os
import random
import time
from functools import cached_property

from twisted.application.internet import TCPServer
from twisted.application.service import Service
from twisted.logger import Logger

from daprdockr.agent.ephemeral import Ephemeral
from daprdockr.agent.guarding.guard_process import GuardProcess, guard_process
from daprdockr.agent.guarding.guarded import Guarded
from daprdockr.agent.host.health import HealthChecks
from daprdockr.agent.host.host import Host, Listening
from daprdockr.agent.host.probe import Probe, RealProbe
from daprdockr.agent.host.pulse import Pulse
from daprdockr.agent.membership.contested import Contested
from daprdockr.agent.membership.heartbeat import Heartbeat
from daprdockr.agent.membership.presence import Presence
from daprdockr.agent.membership.registration import Registration
from daprdockr.agent.membership.whereabouts import Herald
from daprdockr.agent.membership.write_check import WriteCheck
from daprdockr.agent.mirror.marking import Marking
from daprdockr.agent.mirror.mass_expiry import MassExpiry
from daprdockr.agent.mirror.mirror import Following, Mirror
from daprdockr.agent.mirror.own_claims import OwnClaims
from daprdockr.agent.mirror.ownerless import Ownerless
from daprdockr.agent.mirror.views import Views
from daprdockr.agent.reconcile.carry_out import CarryOut
from daprdockr.agent.reconcile.claim_steps import ClaimSteps
from daprdockr.agent.reconcile.container_steps import ContainerSteps, EngineThreads
from daprdockr.agent.reconcile.gather import Gather
from daprdockr.agent.reconcile.reconcile import Reconcile
from daprdockr.agent.reconcile.unanswered import Unanswered
from daprdockr.agent.reporting.conditions import conditions
from daprdockr.agent.reporting.doubting import Doubting
from daprdockr.agent.reporting.journal import Journal
from daprdockr.agent.reporting.orphans import Orphans
from daprdockr.agent.reporting.publish import Publish
from daprdockr.api.bounded_site import BoundedSite
from daprdockr.api.healthz import api
from daprdockr.engine.events import EventListener
from daprdockr.etcd.follow import Follower
from daprdockr.guard.clock import boot_id
from daprdockr.model.host import ContainerState
from daprdockr.model.trouble import Trouble
from daprdockr.runtime.profile import Profile
from daprdockr.wiring.edges import Edges


class Composition(Edges):
    """The parts of one agent; ``services`` are those that start and stop."""

    log = Logger()

    def services(self) -> list[Service]:
        """In the order they start. :raises BadInput: an option does not fit this machine."""
        self.cluster_changed.subscribe(self.journal.on_changes)
        self.cluster_changed.subscribe(self.host.on_changes)
        self.cluster_changed.subscribe(self.heartbeat.on_changes)
        self.cluster_changed.subscribe(self.publish.on_changes)
        self.cluster_changed.subscribe(self.reconcile.on_changes)
        self.cluster_changed.subscribe(self.ownerless.on_changes)
        self.services_changed.subscribe(self.guarded.on_changes)
        self.services_changed.subscribe(self.reconcile.look_at)
        self.publish.zones.subscribe(self.publish_zone)
        self.publish.routings.subscribe(self.publish_routing)
        self.whereabouts.subscribe(self.herald.look)
        self.herald.moved.subscribe(self.publish.on_move)
        self.herald.moved.subscribe(lambda addresses: self.node_changed())
        self.node_changed.subscribe(self.reconcile.look_at_all)
        self.herald.look(self.whereabouts.value)
        docker = [self.docker_threads, self.stop_threads, self.pull_threads, self.check_threads, self.ping_thread]
        threads = [self.etcd_threads, self.beat_threads, *docker, self.file_threads, self.nginx_thread]
        edges = [self.guard_thread, self.dns, self.nginx, self.guarded, self.ephemeral]
        loops = [self.journal, self.heartbeat, self.host, self.pulse, self.mirror, self.health, self.reconcile]
        looks = [self.marking, self.doubting, self.ownerless, self.write_check, self.orphans, *self.followed]
        parts = [self.profile, self.embedded_etcd, *threads, *edges, *loops, *looks, self.api]
        return [part for part in parts if part is not None]

    # What the loops use.

    def follow(self, mirror: Mirror) -> Following:
        return Follower(store=self.store, prefixes=self.keys.mirrored, listener=mirror)

    def listen(self, host: Host) -> Listening:
        return EventListener(self.engine, host, self.chance)

    def draw(self) -> int:
        """A number that nobody can guess."""
        return random.SystemRandom().randrange(1, 2**60)

    @cached_property
    def probe(self) -> Probe:
        return RealProbe(reactor=self.reactor, pool=self.check_threads, engine=self.engine)

    @cached_property
    def api(self) -> TCPServer | None:
        if self.settings.api is None:
            return None
        address, port = self.settings.api
        site = BoundedSite(api(self.troubles), reactor=self.reactor)
        return TCPServer(port, site, interface=address, reactor=self.reactor)

    def conditions(self) -> list[Trouble]:
        """What is wrong now; ``troubles`` says it in a line each."""
        pools = (self.docker_threads, self.stop_threads, self.pull_threads, self.check_threads, self.etcd_threads)
        loops = (self.mirror, self.heartbeat, self.host, self.guarded, self.write_check, self.contested)
        return conditions((*loops, *pools, *([self.nginx] if self.nginx is not None else [])))

    def troubles(self) -> list[str]:
        return [text for text in map(str, self.conditions()) if text]

    @cached_property
    def herald(self) -> Herald:
        return Herald(
            first=self.whereabouts.value,
            warn=lambda line: self.log.warn("{line}", line=line),
            tell=lambda sentence: self.journal.tell(self.settings.node, sentence),
        )

    # The loops.

    @cached_property
    def journal(self) -> Journal:
        return Journal(
            reactor=self.reactor,
            run=self.etcd_threads,
            store=self.store,
            keys=self.keys,
            node=self.settings.node,
            wall_clock=time.time,
        )

    @cached_property
    def heartbeat(self) -> Heartbeat:
        settings = self.settings
        return Heartbeat(
            reactor=self.reactor,
            run=self.beat_threads,
            disk=self.file_threads,
            store=self.beat_store,
            registration=self.registration,
            ttl=settings.lease_ttl,
            state=self.state,
            on_change=self.node_changed,
            boottime=self.boottime,
            on_beat=self.guarded.on_beat,
            outage=self.outage,
        )

    @cached_property
    def ownerless(self) -> Ownerless:
        return Ownerless(
            reactor=self.reactor,
            run=self.etcd_threads,
            store=self.store,
            cluster=self.cluster,
            in_touch=lambda: self.mirror.in_touch,
            chance=self.chance,
            tell=self.journal.tell,
        )

    @cached_property
    def write_check(self) -> WriteCheck:
        return WriteCheck(
            reactor=self.reactor,
            run=self.etcd_threads,
            store=self.store,
            record=self.keys.node(self.settings.node),
            keys=self.keys.trials,
        )

    @cached_property
    def registration(self) -> Registration:
        settings = self.settings
        return Registration(
            run=self.beat_threads,
            store=self.beat_store,
            key=self.keys.node(settings.node),
            record=Presence(
                lambda: self.whereabouts.value,
                settings.label,
                settings.allow,
                self.cluster,
                lambda: self.host,
                self.failures,
                self.reactor.seconds,
                lambda: self.write_check.to_publish,
                self.machine_mark,
                lambda: self.contested.trouble,
            ),
            is_listed=self._is_listed,
        )

    @cached_property
    def machine_mark(self) -> str:
        """Asked for at every change of the mirror, and the same as long as the agent runs."""
        return self.this_machine()

    def _is_listed(self, lease: int) -> bool:
        node = self.cluster.nodes.get(self.settings.node)
        return node is not None and node.lease == lease and node.record.machine in ("", self.machine_mark)

    @cached_property
    def mirror(self) -> Mirror:
        return Mirror(
            reactor=self.reactor,
            run=self.etcd_threads,
            cluster=self.cluster,
            state=self.state,
            store=self.store,
            draw_identity=self.draw,
            follow=self.follow,
            on_changes=Views((self.own_claims, self.mass_expiry, self.contested), self.cluster_changed),
            outage=self.outage,
        )

    @cached_property
    def marking(self) -> Marking:
        return Marking(
            reactor=self.reactor,
            run=self.etcd_threads,
            store=self.store,
            mirror=self.mirror,
            draw=self.draw,
            chance=self.chance,
        )

    @cached_property
    def doubting(self) -> Doubting:
        return Doubting(
            reactor=self.reactor,
            run=self.etcd_threads,
            store=self.store,
            key=self.keys.doubt(self.settings.node),
            mirror=self.mirror,
            host=self.host,
            lease=lambda: self.heartbeat.lease,
        )

    @cached_property
    def host(self) -> Host:
        return Host(
            reactor=self.reactor,
            run=self.docker_threads,
            engine=self.engine,
            listen=self.listen,
            on_changes=self.services_changed,
            on_answer=self.node_changed,
            failures=self.failures,
            is_alive=lambda node: node in self.cluster.nodes,
        )

    @cached_property
    def orphans(self) -> Orphans:
        return Orphans(
            reactor=self.reactor,
            host=self.host,
            mirror=self.mirror,
            node=self.settings.node,
            tell=self.journal.tell,
        )

    @cached_property
    def pulse(self) -> Pulse:
        return Pulse(reactor=self.reactor, run=self.ping_thread, engine=self.engine, host=self.host)

    @cached_property
    def guarded(self) -> Guarded:
        return Guarded(
            guard=self.guard,
            host=self.host,
            ttl=self.settings.lease_ttl,
            boottime=self.boottime,
            boot=boot_id(),
            ephemeral=self.settings.ephemeral,
            claimed=self._claimed,
        )

    def _claimed(self, container: ContainerState) -> int:
        """The lease under which this node's claim names this container; 0: none does."""
        claim = self.cluster.claims(container.instance.service).get(container.instance.number)
        own = claim is not None and claim.node == self.settings.node and claim.record.container == container.id
        return claim.lease if claim is not None and own and self.mirror.in_touch else 0

    @cached_property
    def guard(self) -> GuardProcess:
        return guard_process(self.state, self.guard_thread, self.reactor, dict(os.environ))

    @cached_property
    def health(self) -> HealthChecks:
        return HealthChecks(
            reactor=self.reactor,
            probe=self.probe,
            chance=self.chance,
            on_changes=lambda service: self.services_changed([service]),
        )

    @cached_property
    def own_claims(self) -> OwnClaims:
        return OwnClaims(node=self.settings.node, cluster=self.cluster)

    @cached_property
    def mass_expiry(self) -> MassExpiry:
        return MassExpiry(
            node=self.settings.node, clock=self.reactor.seconds, cluster=self.cluster, ttl=self.settings.lease_ttl
        )

    @cached_property
    def contested(self) -> Contested:
        return Contested(node=self.settings.node, cluster=self.cluster)

    @cached_property
    def unanswered(self) -> Unanswered:
        return Unanswered()

    @cached_property
    def gather(self) -> Gather:
        return Gather(
            node=self.settings.node,
            whereabouts=lambda: self.whereabouts.value,
            labels=self.settings.label,
            allow=self.settings.allow,
            mirror=self.mirror,
            host=self.host,
            failures=self.failures,
            heartbeat=self.heartbeat,
            health=self.health,
            own_claims=self.own_claims,
            unanswered=self.unanswered,
            mass_expiry=self.mass_expiry,
            contested=self.contested,
            rebalance=not self.settings.no_rebalance,
        )

    @cached_property
    def reconcile(self) -> Reconcile:
        claims = ClaimSteps(
            store=self.store,
            run=self.etcd_threads,
            mirror=self.mirror,
            here=self.gather.here,
            unanswered=self.unanswered,
        )
        containers = ContainerSteps(
            engine=self.engine,
            threads=EngineThreads(work=self.docker_threads, stops=self.stop_threads, pulls=self.pull_threads),
            host=self.host,
            failures=self.failures,
            here=self.gather.here,
            network=self.network,
            guarded=self.guarded,
            tell=self.journal.tell,
        )
        return Reconcile(
            reactor=self.reactor,
            gather=self.gather,
            failures=self.failures,
            carry_out=CarryOut(claims, containers),
            tell=self.journal.tell,
        )

    @cached_property
    def publish(self) -> Publish:
        return Publish(
            reactor=self.reactor,
            node=self.settings.node,
            addresses=self.addresses,
            cluster=self.cluster,
            own_claims=self.own_claims,
            may_run=self.gather.may_run,
            tell=self.journal.tell,
        )

    # What only some agents have.

    @cached_property
    def ephemeral(self) -> Ephemeral | None:
        if not self.settings.ephemeral:
            return None
        return Ephemeral(run=self.stop_threads, engine=self.engine, heartbeat=self.heartbeat)

    @cached_property
    def profile(self) -> Profile | None:
        return Profile(self.settings.cpuprofile) if self.settings.cpuprofile else None
