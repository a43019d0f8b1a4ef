"""The record in which a node describes itself, and when it says that it is ready."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr import __version__
from daprdockr.agent.host.failures import Failures
from daprdockr.agent.membership.presence import (
    NodeIdentity,
    Obstacles,
    OfThisMoment,
    OwnCertificates,
    PeerPlace,
    Presence,
)
from daprdockr.agent.membership.whereabouts import Whereabouts
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.entries import Entry, Listing
from daprdockr.model.stored.node import NodeRecord
from daprdockr.planning.candidates import MOST_IMAGES, mark
from tests.build.values import KEYS, named
from tests.fakes.engine import MemoryEngine
from tests.fakes.host import memory_host
from tests.fakes.run import LoopClock


class PresenceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.engine = MemoryEngine(node="a", memory=1 << 30, cpus=2)
        self.cluster = Cluster(KEYS)
        self.clock = LoopClock()
        self.failures = Failures(clock=self.clock.seconds, chance=lambda: 0.0)
        self.host = memory_host(self.clock, self.engine, self.failures)
        self.refused = self.contested = ""
        self.keys: frozenset[str] = frozenset()
        self.keyless = ""
        self.presence = Presence(
            node=NodeIdentity("a", {"zone": "x"}, frozenset({"binds"}), "m1"),
            now=OfThisMoment(lambda: Whereabouts(("10.0.0.1",)), lambda: self.keys, lambda: self.keyless),
            cluster=self.cluster,
            host=self.host,
            failures=self.failures,
            obstacles=Obstacles(lambda: self.refused, lambda: self.contested),
            clock=self.clock.seconds,
        )

    def list(self) -> None:
        self.host.on_connected()
        self.clock.advance(0)

    def test_before_the_engine_was_asked(self) -> None:
        """A node is ready before its Engine was asked: a new agent goes on as its predecessor ended."""
        record = self.presence(True)
        self.assertEqual((record.ready, record.memory, record.cpus), (True, 0, 0))
        self.assertEqual((record.addresses, record.labels), (("10.0.0.1",), {"zone": "x"}))

    def test_keys(self) -> None:
        """Its record names the keys that open secrets there, and nothing where it has none."""
        before = self.presence(True).encode()
        self.assertNotIn(b"Keys", before)
        self.keys = frozenset({"k2", "k1"})
        self.assertEqual(NodeRecord.decode(self.presence(True).encode()).keys, ("k1", "k2"))
        self.keyless = "the cluster key /x cannot be read"
        self.assertEqual(NodeRecord.decode(self.presence(True).encode()).keyless, self.keyless)

    def test_keeps(self) -> None:
        """Its record says that it gives no instances to even out the load, and nothing where it does."""
        self.assertNotIn(b"Keeps", self.presence(True).encode())
        record = evolve(self.presence, node=evolve(self.presence.node, keeps=True))(True)
        self.assertTrue(NodeRecord.decode(record.encode()).keeps)

    def test_etcd_certificates(self) -> None:
        """Its record says until when those are valid by which it reaches etcd, and nothing where it needs none."""
        self.assertNotIn(b"EtcdCertificates", self.presence(True).encode())
        ends = {"client": 5.0, "authority": 6.0}
        now = evolve(self.presence.now, etcd_certificates=lambda: ends)
        record = evolve(self.presence, now=now)(True)
        self.assertEqual(NodeRecord.decode(record.encode()).etcd_certificates, ends)

    def test_peer(self) -> None:
        """A record says where sessions are taken, and which certificate is shown there, as of one moment."""
        places = iter(PeerPlace(f"10.0.0.{number}:7000", f"f{number}") for number in range(9))
        now = evolve(self.presence.now, peer=lambda: next(places))
        record = evolve(self.presence, now=now)(True)
        self.assertEqual((record.peer, record.fingerprint), ("10.0.0.0:7000", "f0"))

    def test_all_that_it_says(self) -> None:
        """The record has all that the agent knows of itself, certificates and troubles too."""
        own, at = evolve(self.presence.node, former=("old",)), Whereabouts(("10.0.0.1",), missing=("eth9",))
        files = OwnCertificates({"web": 5.0}, {"api": "it has expired"}, serves=True, brief={"web": 4.0})
        now = evolve(self.presence.now, where=lambda: at, etcd=lambda: "joins", certificates=lambda: files)
        ailing = {"dns": "DNS is not served"}
        why = Obstacles(str, str, lambda: ailing)
        record = NodeRecord.decode(evolve(self.presence, node=own, now=now, obstacles=why)(True).encode())
        self.assertEqual((record.ready, record.ailing), (True, ailing))
        told = record.missing, record.allow, record.former, record.etcd, record.version
        self.assertEqual(told, (("eth9",), ("binds",), ("old",), "joins", __version__))
        of_certificates = record.certificates, record.uncertified, record.tls, record.brief
        self.assertEqual(of_certificates, (files.files, files.troubles, True, files.brief))

    def test_listed(self) -> None:
        """It is listed if the mirror has its record under that lease, and not as another machine's."""
        self.assertFalse(self.presence.is_listed(9))
        for revision, (machine, listed) in enumerate((("m1", True), ("", True), ("m2", False)), 5):
            node = NodeRecord(machine=machine)
            self.cluster.replace(Listing(1, revision, (Entry(KEYS.node("a"), node.encode(), 5, revision, 9),)))
            self.assertEqual((self.presence.is_listed(9), self.presence.is_listed(8)), (listed, False))

    def test_beats(self) -> None:
        """Without enough good beats it is not ready."""
        self.list()
        self.assertEqual([self.presence(steady).ready for steady in (False, True)], [False, True])
        self.assertEqual(self.presence(False).unready, "it has just begun, and waits for good beats")

    def test_cannot_write(self) -> None:
        """A node that cannot write all that it has to is not ready, and its record says why."""
        self.list()
        self.refused = "cannot write /p/instances/trial"
        record = NodeRecord.decode(self.presence(True).encode())
        self.assertEqual((record.ready, record.refused), (False, "cannot write /p/instances/trial"))
        self.refused = ""
        self.assertNotIn(b"Refused", self.presence(True).encode())

    def test_contested(self) -> None:
        """A node that publishes the address of another machine is not ready."""
        self.list()
        self.contested = "10.0.0.1 is the address of node b"
        record = NodeRecord.decode(self.presence(True).encode())
        self.assertEqual((record.ready, record.machine), (False, "m1"))

    def test_engine_away(self) -> None:
        """A node whose Engine does not answer is not ready, until it does again."""
        self.engine.unavailable = True
        self.list()
        record = NodeRecord.decode(self.presence(True).encode())
        self.assertEqual((record.ready, record.unready), (False, "its Docker Engine does not answer"))
        self.host.fell_silent("a ping was not answered")
        self.assertEqual(self.presence(True).unready, "its Docker Engine does not answer")
        self.engine.unavailable = False
        self.list()
        self.assertTrue(self.presence(True).ready)
        self.assertNotIn(b"Unready", self.presence(True).encode())
        self.host.fell_silent("a ping was not answered")
        self.assertEqual(self.presence(True).unready, "its Docker Engine hangs")

    def test_inventory(self) -> None:
        """It says what the host has, and which images are there."""
        self.engine.add_image("web:1")
        self.list()
        record = self.presence(True)
        self.assertEqual((record.memory, record.cpus, record.images), (1 << 30, 2, (mark("web:1"),)))

    def test_too_many_images(self) -> None:
        """Of too many images the record names those that definitions use, and then some of the others."""
        for number in range(2 * MOST_IMAGES):
            self.engine.add_image(f"other:{number}")
        used = [named(f"web{number}", image=f"web:{number}") for number in range(20)]
        for one in used:
            self.engine.add_image(one.image)
        entries = (Entry(KEYS.service(one.name), one.encode(), 5, 5) for one in used)
        self.cluster.replace(Listing(1, 5, tuple(entries)))
        self.list()
        told = self.presence(True).images
        self.assertLessEqual({mark(one.image) for one in used}, set(told))
        self.assertEqual(len(set(told)), MOST_IMAGES)

    def test_pulled(self) -> None:
        """An image that was pulled counts at once, before the next full list."""
        self.list()
        self.assertEqual(self.presence(True).images, ())
        self.engine.add_image("web:1")
        image = self.engine.image("web:1")
        assert image is not None
        self.host.stock.pulled("web:1", evolve(image))
        self.assertEqual(self.presence(True).images, (mark("web:1"),))
