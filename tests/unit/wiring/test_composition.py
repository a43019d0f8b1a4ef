"""The composition: the parts of an agent, and the connections between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import define, evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.host import Host
from daprdockr.agent.membership.heartbeat import Heartbeat
from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.reconcile.reconcile import Reconcile
from daprdockr.agent.reporting.conditions import conditions
from daprdockr.agent.statedir import StateDir
from daprdockr.dns.answering.name_servers import NameServers
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.server import DnsServer
from daprdockr.dns.zone.challenge_zone import ChallengeZone
from daprdockr.dns.zone.zone import Zone
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.troubles.dns import DnsNotServed
from daprdockr.proxy.routing import Routing
from daprdockr.runtime.followed import Followed
from daprdockr.runtime.settling import Settling
from daprdockr.wiring.carrying_out import network
from daprdockr.wiring.composition import Composition, compose
from daprdockr.wiring.outside import Pools
from daprdockr.wiring.real import real
from daprdockr.wiring.subscriptions import subscribe
from tests.build.settings import settings
from tests.build.values import definition
from tests.fakes.agents import MemoryCluster, memory_pools
from tests.fakes.log_lines import LogLines
from tests.fakes.run import LoopClock
from tests.fakes.store import MemoryStore


@define
class Bound:
    """In the place of ``DnsServer``: where it listens, and what was published."""

    bound: tuple[Endpoint, ...] = ()
    zone: Zone | None = None
    challenges: ChallengeZone | None = None

    def publish(self, zone: Zone) -> None:
        self.zone = zone

    def publish_challenges(self, zone: ChallengeZone | None) -> None:
        self.challenges = zone


class PartsTests(SynchronousTestCase):
    """Parts and what they are made with."""

    def make(self, pools: Pools | None = None, resolv_conf: Path | None = None, **changed: Any) -> Composition:
        chosen = settings("a", Path(self.mktemp()).absolute(), **changed)
        state = StateDir(chosen.state_dir)
        outside = real(chosen, state, LoopClock())
        machine = evolve(outside.machine, resolv_conf=resolv_conf or outside.machine.resolv_conf)
        return compose(chosen, state, evolve(outside, pools=pools or outside.pools, machine=machine))

    def resolvers(self, *bound: Endpoint, host: tuple[str, ...]) -> list[str]:
        parts = self.make(host=host)
        dns: Any = Bound(bound)
        return list(network(parts.base, evolve(parts.outward, dns=dns), parts.found.around).resolvers)

    def test_once(self) -> None:
        """Each part is made once."""
        parts = self.make()
        (mirror,) = [part for part in parts.services if isinstance(part, Mirror)]
        (reconcile,) = [part for part in parts.services if isinstance(part, Reconcile)]
        self.assertIs(parts.found.known.mirror, mirror)
        self.assertIs(parts.acting.gather, reconcile._gather)

    def test_beats_apart(self) -> None:
        """Beats share neither threads nor connection with anything: they never wait behind a list or a write."""
        outside = self.make().base.outside
        etcd, pools = outside.etcd, outside.pools
        self.assertIsNot(etcd.beats, etcd.store)
        self.assertNotIn(pools.etcd.beats, (pools.etcd.calls, pools.engine.work, pools.engine.stops))

    def test_beats_last(self) -> None:
        """All that may take long at a stop comes before the heart stops: the next agent takes the lease over."""
        parts = self.make()
        order = [type(part) for part in parts.services]
        self.assertEqual(order[order.index(Heartbeat) + 1], Settling)
        for kind in (Host, Mirror, Reconcile):
            self.assertGreater(order.index(kind), order.index(Settling))

    def test_checks_have_their_own(self) -> None:
        """The commands of health checks take no thread from starts and stops."""
        base = self.make().base
        engine = base.outside.pools.engine
        self.assertIs(base.docker.probe._exec._pool, engine.checks)  # type: ignore[attr-defined]
        self.assertNotIn(engine.checks, (engine.work, engine.stops))

    def test_resolvers(self) -> None:
        """Containers get this node's DNS where it listens on port 53 of a published address."""
        own = Endpoint("10.0.0.1", 53)
        self.assertEqual(self.resolvers(own, Endpoint("10.0.0.9", 53), host=("10.0.0.1", "fd00::1")), ["10.0.0.1"])
        self.assertEqual(self.resolvers(Endpoint("10.0.0.1", 5353), host=("10.0.0.1",)), [])

    def test_no_loopback_resolver(self) -> None:
        """A loopback address is the container's own, where nothing answers DNS."""
        for address in ("127.0.0.1", "127.0.1.1", "::1"):
            self.assertEqual(self.resolvers(Endpoint(address, 53), host=(address,)), [])

    def test_no_dns_no_resolvers(self) -> None:
        """Without DNS of ours containers keep their host's resolvers."""
        parts = self.make()
        self.assertEqual(list(network(parts.base, parts.outward, parts.found.around).resolvers), [])

    def test_upstreams(self) -> None:
        """Upstreams that were named are those, none means none, and zones have theirs."""
        self.assertEqual(self.servers(dns_upstream=(("192.0.2.1", 53),)), NameServers((Endpoint("192.0.2.1"),)))
        self.assertEqual(self.servers(dns_upstream=()), NameServers(None))
        zones: dict[tuple[bytes, ...], tuple[Endpoint, ...]] = {(b"corp", b"local"): (Endpoint("10.0.0.1", 54),)}
        forward = {(b"corp", b"local"): (("10.0.0.1", 54),)}
        self.assertEqual(self.servers(dns_upstream=(), dns_forward=forward), NameServers(None, zones))

    def servers(self, **changed: Any) -> NameServers:
        made = self.make(dns=(("127.0.0.1", 5353),), **changed).outward
        assert made.dns is not None
        return made.dns.servers

    def follow(self, resolv_conf: Path, listened: str) -> tuple[Composition, DnsServer, Followed[tuple[Endpoint, ...]]]:
        """An agent that follows this file, which named nobody at first, with its DNS at port 53 of an address."""
        pools = memory_pools()
        parts = self.make(pools, resolv_conf, dns=((listened, 53),), dns_upstream=None)
        dns, followed = parts.outward.dns, parts.found.around.upstreams
        assert dns is not None and followed is not None
        self.assertEqual(dns.servers, NameServers(()))
        pools.files.startService()
        followed.startService()
        self.addCleanup(followed.stopService)
        return parts, dns, followed

    def test_upstreams_followed(self) -> None:
        """Without named ones they are those of resolv.conf, which may come later and change, but for ourselves."""
        resolv_conf = Path(self.mktemp())
        _, dns, followed = self.follow(resolv_conf, "127.0.0.1")
        for text, server in (("192.0.2.1", "192.0.2.1"), ("192.0.2.2", "192.0.2.2"), ("127.0.0.1", "192.0.2.2")):
            resolv_conf.write_text(f"nameserver {text}\n")
            self.successResultOf(followed.poll())
            self.assertEqual(dns.servers, NameServers((Endpoint(server),)))
        self.assertIn("no server but this agent", followed.trouble)

    def test_upstream_on_this_host(self) -> None:
        """A resolver of this host that has an address of our wildcard is asked, until it leaves that address to us."""
        resolv_conf = Path(self.mktemp())
        resolv_conf.write_text("nameserver 127.0.0.1\n")
        parts, dns, followed = self.follow(resolv_conf, "0.0.0.0")
        parts.base.dns_taken[Endpoint("127.0.0.1")] = "Address already in use"
        for _ in range(2):
            self.successResultOf(followed.poll())
            self.assertEqual((dns.servers, followed.trouble), (NameServers((Endpoint("127.0.0.1"),)), ""))
        parts.base.dns_taken.clear()
        self.successResultOf(followed.poll())
        self.assertEqual(dns.servers, NameServers(()))
        self.successResultOf(followed.poll())
        self.assertIn("no server but this agent", followed.trouble)

    def test_address_without_dns(self) -> None:
        """Another program at port 53 of this node's address is a trouble of the agent; elsewhere it is not."""
        parts = self.make(dns=(("0.0.0.0", 53),), host=("192.0.2.2",))
        parts.base.dns_taken[Endpoint("127.0.0.53")] = "Address already in use"
        before = conditions(parts.judged)
        parts.base.dns_taken[Endpoint("192.0.2.2")] = "Address already in use"
        found = DnsNotServed(("192.0.2.2:53",), "Address already in use")
        self.assertEqual(conditions(parts.judged), [*before, found])

    def test_no_upstream_yet(self) -> None:
        """A resolv.conf that names nobody is one line, which says what to do; so is one that is emptied later."""
        pools, resolv_conf, lines = memory_pools(), Path(self.mktemp()), LogLines(self)
        resolv_conf.write_text("search example.com\n")
        followed = self.make(pools, resolv_conf, dns=(("127.0.0.1", 53),), dns_upstream=None).found.around.upstreams
        assert followed is not None
        pools.files.startService()
        followed.startService()
        self.addCleanup(followed.stopService)
        for text in ("", "nameserver 192.0.2.1\n", "", ""):
            resolv_conf.write_text(text)
            self.successResultOf(followed.poll())
        what, remedy = "the list of upstream name servers cannot be read", "write one there, or set --dns-upstream"
        reason = f"{resolv_conf} names no server: {remedy}"
        self.assertEqual(
            lines("cannot be read"),
            [f"{what}, and there is none yet: {reason}", f"{what}, the last value stands: {reason}"],
        )

    def test_published(self) -> None:
        """A zone goes to DNS where there is DNS, routes to nginx where there is nginx; elsewhere to nobody."""
        zone = Zone.of((), serial=1)
        parts = self.make()
        parts.reports.publish.zones(zone)
        parts.reports.publish.routings(Routing())
        bound = Bound()
        dns: Any = bound
        subscribe(parts.base, evolve(parts.outward, dns=dns), parts.found, parts.acting, parts.reports)
        parts.reports.publish.zones(zone)
        self.assertIs(bound.zone, zone)
        challenges = ChallengeZone.of("acme.test", thumbprint="x", texts={}, addresses=(), serial=1)
        parts.reports.publish_challenges.zones(challenges)
        self.assertIs(bound.challenges, challenges)


class BeatGate:
    """A store that answers when it is ``open``: what is wrong with beats alone."""

    def __init__(self, store: MemoryStore) -> None:
        self.open = False
        self._store = store

    def __getattr__(self, name: str) -> Any:
        if not self.open:
            raise EtcdUnavailable("etcd did not answer")
        return getattr(self._store, name)


class WakeTests(SynchronousTestCase):
    """Changes in one part that make another one act."""

    def test_lease(self) -> None:
        """When the lease is certain again, though nothing changed in etcd, what waited for it is begun."""
        cluster = MemoryCluster(self)
        former = cluster.add("a")
        cluster.advance(1)
        cluster.stop(former)
        agent: Any = cluster.make("a", former.docker, state_dir=former.settings.state_dir)
        agent.beat_store = gate = BeatGate(cluster.store)
        cluster.start(agent)
        cluster.define(definition())
        cluster.advance(1)
        self.assertEqual((agent.mirror.in_touch, cluster.claims), (True, {}))
        gate.open = True
        cluster.advance(2)
        self.assertEqual(len(agent.running), 1)


class TroublesTests(SynchronousTestCase):
    """The conditions that ``/healthz`` receives."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agent = self.cluster.add("a")

    def test_at_first(self) -> None:
        """Before anything answered each of them is a trouble."""
        fresh = self.cluster.make("b")
        self.assertEqual(len(fresh.troubles()), 3)

    def test_well(self) -> None:
        """An agent in touch with everything has none."""
        self.cluster.advance(1)
        self.assertEqual(self.agent.troubles(), [])

    def test_etcd_away(self) -> None:
        """etcd's absence is one at once, and stays one when the lease is over, for the same reason."""
        self.cluster.advance(1)
        self.cluster.store.unavailable = True
        self.cluster.advance(1)
        self.assertEqual(len(self.agent.troubles()), 1)
        self.cluster.advance(7)
        self.assertEqual((len(self.agent.troubles()), len(self.agent.conditions())), (1, 2))

    def test_engine_away(self) -> None:
        """The Engine's absence is one."""
        self.cluster.advance(1)
        self.agent.docker.unavailable = True
        self.cluster.advance(1)
        (trouble,) = self.agent.troubles()
        self.assertIn("Docker Engine", trouble)
