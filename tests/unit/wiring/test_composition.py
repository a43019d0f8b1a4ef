"""The composition: which parts an agent has, and what they are told of each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import define
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.statedir import StateDir
from daprdockr.dns.answering.whom import Whom
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.zone.zone import Zone
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.proxy.routes import Routing
from daprdockr.wiring.composition import Composition
from tests.build.situations import definition
from tests.fakes.agents import MemoryCluster, settings
from tests.fakes.run import LoopClock, run_at_once
from tests.fakes.store import MemoryStore


@define
class Bound:
    """In the place of ``DnsServer``: where it listens, and what was published."""

    bound: tuple[Endpoint, ...] = ()
    zone: Zone | None = None

    def publish(self, zone: Zone) -> None:
        self.zone = zone


class PartsTests(SynchronousTestCase):
    """Parts and what they are made with."""

    def make(self, **changed: Any) -> Composition:
        chosen = settings("a", Path(self.mktemp()).absolute(), **changed)
        return Composition(settings=chosen, state=StateDir(chosen.state_dir), reactor=LoopClock())

    def resolvers(self, *bound: Endpoint, host: tuple[str, ...]) -> list[str]:
        parts: Any = self.make(host=host)
        parts.dns = Bound(bound)
        return list(parts.resolvers())

    def test_once(self) -> None:
        """Each part is made once."""
        parts = self.make()
        self.assertIs(parts.mirror, parts.mirror)
        self.assertIs(parts.gather, parts.gather)

    def test_beats_apart(self) -> None:
        """Beats share neither threads nor connection with anything: they never wait behind a list or a write."""
        parts = self.make()
        self.assertIsNot(parts.beat_store, parts.store)
        self.assertNotIn(parts.beat_threads, (parts.etcd_threads, parts.docker_threads, parts.stop_threads))

    def test_checks_have_their_own(self) -> None:
        """The commands of health checks take no thread from starts and stops."""
        parts = self.make()
        self.assertIs(parts.probe._pool, parts.check_threads)  # type: ignore[attr-defined]
        self.assertNotIn(parts.check_threads, (parts.docker_threads, parts.stop_threads))

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
        self.assertEqual(self.make().resolvers(), [])

    def test_upstreams(self) -> None:
        """Upstreams that were named are those, none means none, and zones have theirs."""
        self.assertEqual(self.whom(dns_upstream=(("192.0.2.1", 53),)), Whom((Endpoint("192.0.2.1"),)))
        self.assertEqual(self.whom(dns_upstream=()), Whom(None))
        zones: dict[tuple[bytes, ...], tuple[Endpoint, ...]] = {(b"corp", b"local"): (Endpoint("10.0.0.1", 54),)}
        forward = {(b"corp", b"local"): (("10.0.0.1", 54),)}
        self.assertEqual(self.whom(dns_upstream=(), dns_forward=forward), Whom(None, zones))

    def whom(self, **changed: Any) -> Whom:
        made = self.make(dns=(("127.0.0.1", 5353),), **changed)
        assert made.dns is not None
        return made.dns.whom

    def test_upstreams_followed(self) -> None:
        """Without named ones they are those of resolv.conf, which may come later and change, but for ourselves."""
        parts = self.make(dns=(("127.0.0.1", 53),), dns_upstream=None)
        parts.file_threads = run_at_once  # type: ignore[assignment]  # as much of one as is used
        parts.resolv_conf = Path(self.mktemp())
        dns = parts.dns
        assert dns is not None
        self.assertEqual(dns.whom, Whom(()))
        (followed,) = parts.followed
        followed.startService()
        self.addCleanup(followed.stopService)
        for text, server in (("192.0.2.1", "192.0.2.1"), ("192.0.2.2", "192.0.2.2"), ("127.0.0.1", "192.0.2.2")):
            parts.resolv_conf.write_text(f"nameserver {text}\n")
            self.successResultOf(followed.look())
            self.assertEqual(dns.whom, Whom((Endpoint(server),)))
        self.assertIn("none but this agent", followed.trouble)

    def test_published(self) -> None:
        """A zone goes to DNS where there is DNS, routes to nginx where there is nginx; elsewhere to nobody."""
        parts: Any = self.make()
        zone = Zone.of((), serial=1)
        parts.publish_zone(zone)
        parts.publish_routing(Routing())
        parts.dns = Bound()
        parts.publish_zone(zone)
        self.assertIs(parts.dns.zone, zone)


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
    """What one part has another look at."""

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
    """What ``/healthz`` is told."""

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
        """etcd's absence is one at once, and another when the lease is over."""
        self.cluster.advance(1)
        self.cluster.store.unavailable = True
        self.cluster.advance(1)
        self.assertEqual(len(self.agent.troubles()), 1)
        self.cluster.advance(7)
        self.assertEqual(len(self.agent.troubles()), 2)

    def test_engine_away(self) -> None:
        """The Engine's absence is one."""
        self.cluster.advance(1)
        self.agent.docker.unavailable = True
        self.cluster.advance(1)
        (trouble,) = self.agent.troubles()
        self.assertIn("Docker Engine", trouble)
