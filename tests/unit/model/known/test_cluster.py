"""The mirror of the cluster: it ends where etcd ends, whatever came twice, late or broken, and believes no stranger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.known.changes import Changes
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.known.history import ForeignEtcd
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.certificate import CertificateFacts, CertificateRecord
from daprdockr.model.stored.entries import Batch, Change, Deleted, Entry, Operation
from daprdockr.model.stored.files import FileRecord
from daprdockr.model.stored.mirrored_keys import SecretKey
from daprdockr.model.stored.node import NodeRecord, Progress
from daprdockr.model.stored.pause import PauseMode, PauseRecord
from daprdockr.model.stored.revisioned import Broken, StoredVolumes
from daprdockr.model.stored.sealed import SecretRecord
from daprdockr.model.stored.volume import UNREADABLE, VolumeRecord
from tests.build.history import CLUSTER, batch, entry, listing
from tests.build.mirrors import FIRST, OPERATIONS, SECOND, claim, definition, picture
from tests.build.values import API, KEYS, WEB, instance
from tests.build.values import definition as build
from tests.fakes.store import MemoryStore

GARBAGE = (b"\xff\0", b"{", b"[]", b"x" * 1_000_000)


class ListingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(KEYS)
        self.cluster.replace(
            listing(
                9,
                entry(KEYS.service(WEB), 3, definition()),
                entry(KEYS.claim(FIRST), 8, claim("a"), created=4, lease=77),
                entry(KEYS.node("a"), 2, NodeRecord().encode(), lease=77),
                entry(KEYS.cordon("b"), 5, b""),
                entry(KEYS.pause(WEB), 6, PauseRecord(by="anna@desk").encode()),
            )
        )

    def test_takes_over(self) -> None:
        """After a listing the mirror holds what was listed, with revisions and lease."""
        self.assertEqual((self.cluster.cluster_id, self.cluster.revision), (CLUSTER, 9))
        self.assertEqual((self.cluster.services[WEB].created, self.cluster.services[WEB].revision), (3, 3))
        held = self.cluster.claims(WEB)[1]
        self.assertEqual((held.node, held.fence, held.revision, held.lease), ("a", 4, 8, 77))
        self.assertEqual(self.cluster.nodes["a"].lease, 77)
        self.assertEqual((self.cluster.cordoned, self.cluster.loads), ({"b"}, Counter(a=1)))
        self.assertEqual(self.cluster.pauses, {WEB: PauseRecord(by="anna@desk")})

    def test_written(self) -> None:
        """A key that is written over keeps its create revision, and a new one has the revision of the write."""
        key, value = KEYS.service(WEB), definition(Instances=2)
        self.assertEqual(
            self.cluster.held.written(key, value, before=3, revision=11), entry(key, 11, value, created=3, lease=0)
        )
        self.assertEqual(self.cluster.held.written(key, value, before=0, revision=11), entry(key, 11, value, lease=0))
        absent = KEYS.service(API)
        self.assertEqual(
            self.cluster.held.written(absent, value, before=0, revision=11), entry(absent, 11, value, lease=0)
        )

    def test_absence_in_a_later_listing(self) -> None:
        """Entries that a later listing of the same etcd does not have are gone."""
        changes = self.cluster.replace(listing(9))
        self.assertEqual(changes, Changes(frozenset({WEB}), nodes=True))
        self.assertEqual(picture(self.cluster), picture(Cluster(KEYS)))

    def test_the_same_again(self) -> None:
        """A listing with nothing new touches nothing."""
        self.assertEqual(self.cluster.replace(listing(12, *self.cluster.entries)), Changes())
        self.assertEqual(self.cluster.revision, 12)

    def test_a_stranger(self) -> None:
        """A listing of another etcd, empty or not, is refused and changes nothing."""
        before = picture(self.cluster)
        for revision in (1, 9, 1000):
            for entries in ((), (entry(KEYS.service(API), 1, definition(API)),)):
                self.assertRaises(ForeignEtcd, self.cluster.replace, listing(revision, *entries, cluster=8))
        self.assertEqual((picture(self.cluster), self.cluster.cluster_id, self.cluster.revision), (before, CLUSTER, 9))

    def test_an_etcd_that_went_back(self) -> None:
        """A listing at a smaller revision is refused and changes nothing."""
        before = picture(self.cluster)
        self.assertRaises(ForeignEtcd, self.cluster.replace, listing(8))
        self.assertEqual((picture(self.cluster), self.cluster.revision), (before, 9))

    def test_keys_of_others(self) -> None:
        """Keys that nobody here reads are not kept, however they arrive, and touch nothing."""
        changes = self.cluster.apply(
            batch(entry(KEYS.event("a", 1), 10, b"\xff"), entry(KEYS.root + "novelty", 10, b""))
        )
        self.assertEqual(changes, Changes())
        strange = entry(KEYS.root + "instances/myapp/web/1/novelty", 11, b"")
        held = set(self.cluster.entries)
        self.assertEqual(self.cluster.replace(listing(11, *held, strange)), Changes())
        self.assertEqual(set(self.cluster.entries), held)

    def test_prepared(self) -> None:
        """A value that was read in advance is not read again, and serves for its own entry alone."""
        first, second = (entry(KEYS.service(WEB), 10, definition(Instances=n)) for n in (5, 6))
        self.cluster.prepare(first)
        self.cluster.apply(batch(second))
        self.assertEqual(self.cluster.services[WEB].definition.instances, 6)
        broken = entry(KEYS.service(API), 11, b"{")
        self.cluster.prepare(broken)
        self.assertEqual([b.key for b in self.cluster.apply(batch(broken)).broken], [KEYS.service(API)])

    def test_omitted(self) -> None:
        """An entry without its value is broken for the reason given, and what it held before stays."""
        key = KEYS.service(WEB)
        changes = self.cluster.apply(batch(Entry(key, b"", 3, 10, omitted="it is too large")))
        self.assertEqual(changes.broken, (Broken(key, "it is too large", 10),))
        self.assertIn(WEB, self.cluster.services)

    def test_unreadable_volumes(self) -> None:
        """
        Where the data of an instance is counts as unknown while the record cannot be read, whatever it said before; its
        revision is known, and with the key it goes.
        """
        key, read = KEYS.volumes(instance(1)), VolumeRecord("a", ("data",))
        self.cluster.apply(batch(entry(key, 10, read.encode())))
        self.assertEqual(self.cluster.volumes(WEB), {1: StoredVolumes(read, 10)})
        for revision, change in (
            (11, entry(key, 11, b"{")),
            (12, Entry(key, b"", 3, 12, omitted="it is too large")),
            (13, entry(key, 13, b" " * 300_000)),
        ):
            self.assertEqual([one.key for one in self.cluster.apply(batch(change)).broken], [key])
            self.assertEqual(self.cluster.volumes(WEB), {1: StoredVolumes(UNREADABLE, revision)})
        self.cluster.apply(batch(Deleted(key, 14)))
        self.assertEqual((self.cluster.volumes(WEB), self.cluster.broken), ({}, {}))

    def test_too_long(self) -> None:
        """A value longer than any of ours is broken, and is not kept."""
        key = KEYS.service(WEB)
        changes = self.cluster.apply(batch(entry(key, 10, b" " * 300_000)))
        self.assertEqual([broken.key for broken in changes.broken], [key])
        (kept,) = (held for held in self.cluster.entries if held.key == key)
        self.assertEqual((kept.value, kept.mod_revision), (b"", 10))


class ChangesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(KEYS)
        self.cluster.replace(listing(2))

    def test_freed(self) -> None:
        """The mirror remembers when instances of a service last came free: when it was set, or lost a claim."""
        changes: tuple[tuple[Change, dict[ServiceName, int]], ...] = (
            (entry(KEYS.claim(SECOND), 3, claim("a")), {}),
            (Deleted(KEYS.claim(SECOND), 4), {}),
            (entry(KEYS.service(WEB), 5, definition()), {WEB: 5}),
            (entry(KEYS.claim(FIRST), 6, claim("a")), {WEB: 5}),
            (entry(KEYS.claim(FIRST), 7, claim("b"), created=6), {WEB: 5}),
            (entry(KEYS.successor(FIRST), 8, claim("a")), {WEB: 5}),
            (Deleted(KEYS.successor(FIRST), 9), {WEB: 5}),
            (Deleted(KEYS.claim(FIRST), 10), {WEB: 10}),
            (entry(KEYS.service(WEB), 11, definition(Instances=2), created=5), {WEB: 11}),
            (Deleted(KEYS.service(WEB), 12), {}),
        )
        for change, expected in changes:
            self.cluster.apply(batch(change))
            self.assertEqual(self.cluster.layout.freed, expected)

    def test_what_each_change_touches(self) -> None:
        """A definition, a claim and a pause touch their service, a node and a cordon the nodes; their ends as well."""
        touching: tuple[tuple[str, bytes, Changes], ...] = (
            (KEYS.service(WEB), definition(), Changes(frozenset({WEB}))),
            (KEYS.claim(FIRST), claim("a"), Changes(frozenset({WEB}))),
            (KEYS.node("a"), NodeRecord().encode(), Changes(nodes=True)),
            (KEYS.cordon("a"), b"", Changes(nodes=True)),
            (KEYS.pause(WEB), PauseRecord().encode(), Changes(frozenset({WEB}))),
        )
        for revision, (key, value, changes) in enumerate(touching, 3):
            self.assertEqual(self.cluster.apply(batch(entry(key, revision, value))), changes)
        for revision, (key, _, changes) in enumerate(touching, 8):
            self.assertEqual(self.cluster.apply(batch(Deleted(key, revision))), changes)
            self.assertEqual(self.cluster.apply(batch(Deleted(key, revision))), Changes())

    def test_pause(self) -> None:
        """
        A pause that cannot be read keeps its last readable form, or else lets requests wait; it ends with its key, not
        with its service.
        """
        maintenance = PauseRecord(PauseMode.MAINTENANCE, "back soon")
        stages: tuple[tuple[Change, PauseRecord | None], ...] = (
            (entry(KEYS.pause(WEB), 3, b"{"), PauseRecord()),
            (entry(KEYS.pause(WEB), 4, maintenance.encode()), maintenance),
            (entry(KEYS.pause(WEB), 5, b'{"Mode": "novel"}'), maintenance),
            (Deleted(KEYS.service(WEB), 6), maintenance),
            (Deleted(KEYS.pause(WEB), 7), None),
        )
        self.cluster.apply(batch(entry(KEYS.service(WEB), 2, definition())))
        for change, expected in stages:
            self.cluster.apply(batch(change))
            self.assertEqual(self.cluster.pauses.get(WEB), expected)
        self.assertEqual(self.cluster.broken, {})

    def test_secrets(self) -> None:
        """A secret that is set, set again or deleted changes the services that use it, and no others."""
        cluster = Cluster(KEYS)
        using = build(Secrets=[{"Name": "x"}, {"Name": "y"}]).encode()
        cluster.apply(batch(entry(KEYS.service(WEB), 2, using)))
        digests = [cluster.services[WEB].definition.digest]
        record = SecretRecord(1, "s1", 5, "k")
        for change in (
            entry(KEYS.secret("x"), 3, record.encode()),
            entry(KEYS.secret("x"), 4, evolve(record, stamp="s2").encode()),
            Deleted(KEYS.secret("x"), 5),
        ):
            changes = cluster.apply(batch(change))
            self.assertEqual(changes, Changes(frozenset({WEB})))
            digests.append(cluster.services[WEB].definition.digest)
        self.assertEqual((len(set(digests)), digests[0]), (3, digests[-1]))
        self.assertEqual(cluster.services[WEB].revision, 2)
        self.assertEqual(cluster.apply(batch(entry(KEYS.secret("z"), 6, record.encode()))), Changes())
        changes = cluster.apply(batch(entry(KEYS.service(WEB), 7, build().encode())))
        users = [cluster.values.users(SecretKey(name)) for name in ("x", "y")]
        self.assertEqual(users, [set(), set()])
        self.assertEqual(cluster.services[WEB].definition.digest, build().digest)

    def test_files(self) -> None:
        """
        A stored file that is set anew changes the digest of the services that use it, unless its changes are signalled;
        either way they are planned again. One whose content the definition states depends on nothing.
        """
        cluster, other = Cluster(KEYS), ServiceName("myapp", "signalled")
        using = build(Files=[{"Name": "x", "Target": "/x"}, {"Content": "c", "Target": "/c"}]).encode()
        signalled = evolve(build(Files=[{"Name": "x", "Target": "/x", "OnChange": "HUP"}]), name=other).encode()
        cluster.apply(batch(entry(KEYS.service(WEB), 2, using), entry(KEYS.service(other), 3, signalled)))
        digests = []
        for revision, stamp in enumerate(("s1", "s2"), 4):
            changes = cluster.apply(batch(entry(KEYS.file("x"), revision, FileRecord(1, stamp, 5).encode())))
            self.assertEqual(changes, Changes(frozenset({WEB, other})))
            services = [cluster.services[name].definition for name in (WEB, other)]
            self.assertEqual([one.files[0].stamp for one in services], [stamp, stamp])
            digests.append([one.digest for one in services])
        self.assertNotEqual(digests[0][0], digests[1][0])
        self.assertEqual(digests[0][1], digests[1][1])
        self.assertEqual(cluster.apply(batch(Deleted(KEYS.file("x"), 7))), Changes(frozenset({WEB, other})))
        self.assertEqual(cluster.services[WEB].definition.files[0].stamp, "")
        self.assertEqual(cluster.apply(batch(entry(KEYS.file("c"), 8, FileRecord(1, "s", 5).encode()))), Changes())

    def test_secret_first(self) -> None:
        """It makes no difference whether a secret or its service is known first; a broken record changes nothing."""
        cluster = Cluster(KEYS)
        record = entry(KEYS.secret("x"), 3, SecretRecord(1, "s1", 5, "k").encode())
        cluster.replace(listing(4, record, entry(KEYS.service(WEB), 2, build(Secrets=[{"Name": "x"}]).encode())))
        (use,) = cluster.services[WEB].definition.secrets
        self.assertEqual((use.stamp, use.key), ("s1", "k"))
        changes = cluster.apply(batch(entry(KEYS.secret("x"), 5, b"{")))
        self.assertEqual([one.key for one in changes.broken], [KEYS.secret("x")])
        self.assertEqual(cluster.services[WEB].definition.secrets, (use,))

    def test_certificates(self) -> None:
        """A certificate that is stored, replaced or deleted is a change of its own; a broken record changes nothing."""
        key = KEYS.certificate("example.com")
        record = CertificateRecord("s1", "k", CertificateFacts(("example.com",), 1, 2))
        newer = evolve(record, stamp="s2")
        self.assertEqual(self.cluster.apply(batch(entry(key, 3, record.encode()))), Changes(certificates=True))
        self.assertEqual(self.cluster.certificates, {"example.com": record})
        self.cluster.apply(batch(entry(key, 4, newer.encode())))
        self.cluster.apply(batch(entry(key, 5, b"{")))
        self.assertEqual(self.cluster.certificates, {"example.com": newer})
        self.assertEqual(self.cluster.apply(batch(Deleted(key, 6))), Changes(certificates=True))
        self.assertEqual(self.cluster.certificates, {})

    def test_progress(self) -> None:
        """How far a node is concerns only those that wait: neither placement nor all plans depend on it."""
        record = NodeRecord(("10.0.0.1",))
        self.cluster.apply(batch(Entry(KEYS.node("a"), record.encode(), 3, 3, 1)))
        version = self.cluster.layout.version
        for revision, progress in enumerate((Progress(3), Progress(3, 4), Progress(5, 4, ("10.0.0.1:80",))), 4):
            value = evolve(record, progress=progress).encode()
            changes = self.cluster.apply(batch(Entry(KEYS.node("a"), value, 3, revision, 1)))
            self.assertEqual((changes, self.cluster.layout.version), (Changes(progress=True), version))
            self.assertEqual(self.cluster.nodes["a"].record.progress, progress)
        moved = evolve(record, addresses=("10.0.0.2",), progress=Progress(8)).encode()
        self.assertEqual(self.cluster.apply(batch(Entry(KEYS.node("a"), moved, 3, 9, 1))), Changes(nodes=True))
        self.assertGreater(self.cluster.layout.version, version)

    def test_a_claim_changes_hands(self) -> None:
        """The loads follow a claim from node to node."""
        self.cluster.apply(batch(entry(KEYS.claim(FIRST), 3, claim("a")), entry(KEYS.claim(SECOND), 3, claim("a"))))
        self.cluster.apply(batch(entry(KEYS.claim(FIRST), 4, claim("b"))))
        self.assertEqual(self.cluster.loads, Counter(a=1, b=1))

    def test_an_own_write_known_before_the_watch(self) -> None:
        """An own write counts at once; when the watch reports it, nothing changes."""
        own = entry(KEYS.claim(FIRST), 3, claim("a"))
        self.assertEqual(self.cluster.note(own), Changes(frozenset({WEB})))
        self.assertEqual(self.cluster.revision, 2)
        self.assertEqual(self.cluster.apply(batch(own)), Changes())

    def test_an_own_deletion_known_before_the_watch(self) -> None:
        """A change that the watch reports from before the key's own deletion does not bring it back."""
        made = entry(KEYS.claim(FIRST), 3, claim("a"))
        self.cluster.note(made)
        self.cluster.note(Deleted(made.key, 4))
        self.assertEqual(self.cluster.apply(batch(made)), Changes())
        self.assertEqual(self.cluster.apply(batch(Deleted(made.key, 4))), Changes())
        again = entry(made.key, 5, claim("b"))
        self.assertEqual(self.cluster.apply(batch(again)), Changes(frozenset({WEB})))

    def test_an_own_deletion_far_ahead_of_the_watch(self) -> None:
        """An own deletion is remembered until the watch has passed it."""
        made = entry(KEYS.claim(FIRST), 4, claim("a"))
        self.cluster.note(made, Deleted(made.key, 6))
        self.cluster.apply(batch(entry(KEYS.node("a"), 3, NodeRecord().encode())))
        self.assertEqual(self.cluster.apply(batch(made)), Changes())
        self.assertEqual(self.cluster.claims(WEB), {})

    def test_an_own_deletion_and_an_older_list(self) -> None:
        """A list from before an own deletion does not bring the key back."""
        made = entry(KEYS.claim(FIRST), 3, claim("a"))
        self.cluster.apply(batch(made))
        self.cluster.note(Deleted(made.key, 5))
        self.cluster.replace(listing(4, made))
        self.assertEqual(self.cluster.claims(WEB), {})

    def test_an_own_write_and_an_older_list(self) -> None:
        """A list from before an own write does not remove what was written."""
        self.cluster.note(entry(KEYS.claim(FIRST), 5, claim("a")))
        self.cluster.replace(listing(4))
        self.assertIn(1, self.cluster.claims(WEB))

    def test_an_answer_that_comes_after_the_end(self) -> None:
        """An own write whose key ended before the answer arrived is not brought back by the answer."""
        made = entry(KEYS.claim(FIRST), 3, claim("a"))
        self.cluster.apply(batch(made))
        self.cluster.apply(batch(Deleted(made.key, 4)))
        self.assertEqual(self.cluster.note(made), Changes())
        self.assertEqual(self.cluster.claims(WEB), {})

    def test_an_old_server_repeats_itself(self) -> None:
        """A change that is repeated after the key was deleted does not bring it back."""
        made = entry(KEYS.service(WEB), 3, definition())
        self.cluster.apply(batch(made))
        self.cluster.apply(batch(Deleted(made.key, 4)))
        self.assertEqual(self.cluster.apply(batch(made)), Changes())
        self.assertEqual(self.cluster.services, {})


class BrokenValueTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(KEYS)
        self.cluster.replace(listing(2))

    def test_broken_again(self) -> None:
        """A value that is broken as the one before it was is no news, until it was readable or is broken otherwise."""
        values = [*[b"{"] * 1000, b"[", b"[", definition(), b"["]
        told = [
            broken.revision
            for revision, value in enumerate(values, 3)
            for broken in self.cluster.apply(batch(entry(KEYS.service(WEB), revision, value, created=3))).broken
        ]
        self.assertEqual(told, [3, 1003, 1006])
        self.assertEqual(self.cluster.broken[KEYS.service(WEB)].revision, 1006)

    def test_a_definition_becomes_unreadable(self) -> None:
        """The last readable definition counts on; the broken value is reported once, with the reason."""
        self.cluster.apply(batch(entry(KEYS.service(WEB), 3, definition(Instances=3))))
        for revision, garbage in enumerate(GARBAGE, 4):
            told = batch(entry(KEYS.service(WEB), revision, garbage, created=3))
            changes = self.cluster.apply(told)
            self.assertEqual([broken.key for broken in changes.broken], [KEYS.service(WEB)])
            self.assertTrue(changes.broken[0].reason.isprintable())
            self.assertEqual(self.cluster.apply(told), Changes())
            self.assertEqual(self.cluster.services[WEB].definition.instances, 3)
            self.assertFalse(self.cluster.is_held(WEB))
        self.cluster.apply(batch(entry(KEYS.service(WEB), 9, definition(Instances=5), created=3)))
        self.assertEqual((self.cluster.services[WEB].definition.instances, self.cluster.broken), (5, {}))

    def test_a_definition_that_never_was_readable(self) -> None:
        """Such a service is held until its definition is mended or deleted."""
        for end in (entry(KEYS.service(WEB), 4, definition(), created=3), Deleted(KEYS.service(WEB), 4)):
            cluster = Cluster(KEYS)
            cluster.replace(listing(3, entry(KEYS.service(WEB), 3, b"{")))
            self.assertTrue(cluster.is_held(WEB))
            self.assertFalse(cluster.is_held(API))
            self.assertEqual((cluster.is_declared(WEB), cluster.is_declared(API)), (True, False))
            cluster.apply(batch(end))
            self.assertFalse(cluster.is_held(WEB))
            self.assertEqual(cluster.is_declared(WEB), isinstance(end, Entry))
            self.assertEqual(cluster.broken, {})

    def test_an_unreadable_definition_is_deleted(self) -> None:
        """The last readable form goes with the key."""
        self.cluster.apply(batch(entry(KEYS.service(WEB), 3, definition())))
        self.cluster.apply(batch(entry(KEYS.service(WEB), 4, b"{", created=3)))
        self.assertEqual(self.cluster.apply(batch(Deleted(KEYS.service(WEB), 5))), Changes(frozenset({WEB})))
        self.assertEqual((self.cluster.services, self.cluster.broken), ({}, {}))

    def test_a_definition_under_the_key_of_another(self) -> None:
        """A definition whose names are not those of its key is broken."""
        changes = self.cluster.apply(batch(entry(KEYS.service(API), 3, definition(WEB))))
        self.assertEqual(changes.broken[0].reason, "the definition calls itself web.myapp")
        self.assertTrue(self.cluster.is_held(API))

    def test_a_claim_and_a_node_become_unreadable(self) -> None:
        """Their last readable forms stay, and go when the keys do."""
        keys = (KEYS.claim(FIRST), KEYS.node("a"))
        self.cluster.apply(batch(entry(keys[0], 3, claim("a")), entry(keys[1], 3, NodeRecord().encode())))
        self.cluster.apply(batch(*(entry(key, 4, b"[]", created=3) for key in keys)))
        self.assertEqual(self.cluster.claims(WEB)[1].node, "a")
        self.assertEqual((set(self.cluster.nodes), self.cluster.loads["a"], len(self.cluster.broken)), ({"a"}, 1, 2))
        self.cluster.apply(batch(*(Deleted(key, 5) for key in keys)))
        self.assertEqual((self.cluster.claims(WEB), self.cluster.nodes, self.cluster.broken), ({}, {}, {}))
        self.assertEqual(+self.cluster.loads, Counter())

    def test_a_claim_that_never_was_readable(self) -> None:
        """Such a claim is not there."""
        changes = self.cluster.apply(batch(entry(KEYS.claim(FIRST), 3, b"\xff")))
        self.assertEqual((changes.services, len(changes.broken)), (frozenset({WEB}), 1))
        self.assertEqual((self.cluster.claims(WEB), list(self.cluster.claimed_services)), ({}, []))

    def test_a_key_that_is_no_name(self) -> None:
        """A key whose parts are no names is reported as broken, and is forgotten when it is deleted."""
        for revision, key in ((3, "services/A/b"), (5, "nodes/a/b"), (7, "instances/myapp/web/10001")):
            changes = self.cluster.apply(batch(entry(KEYS.root + key, revision, b"{}")))
            self.assertEqual((changes.services, changes.nodes, len(changes.broken)), (frozenset(), False, 1))
            self.assertEqual(self.cluster.apply(batch(Deleted(KEYS.root + key, revision + 1))), Changes())
            self.assertEqual(self.cluster.broken, {})

    def test_one_does_not_stop_the_others(self) -> None:
        """Broken entries in a list or a batch do not keep the rest of it from being taken over."""
        broken = (
            entry(KEYS.service(WEB), 3, b"\xff"),
            entry(KEYS.node("b"), 3, b""),
            entry(KEYS.root + "services/", 3, b""),
        )
        changes = self.cluster.apply(batch(*broken, entry(KEYS.service(API), 3, definition(API))))
        self.assertEqual((len(changes.broken), set(self.cluster.services)), (3, {API}))


TURNS = st.lists(
    st.sampled_from(["write", "write", "own", "answer", "tell", "tell", "repeat", "list", "old list"]), max_size=40
)


class Play:
    """An etcd, a mirror, and between them a watch that repeats itself and answers that arrive late."""

    def __init__(self, case: SynchronousTestCase, draw: Any) -> None:
        self.case, self.draw = case, draw
        self.store = MemoryStore()
        self.cluster = Cluster(KEYS)
        self.told: list[Batch] = []
        self.answers: list[Change] = []
        self.lists = [self.store.list(KEYS.root)]
        self.list()

    def turn(self, name: str) -> None:
        getattr(self, name.replace(" ", "_"))()
        self.case.assertEqual(
            +self.cluster.loads, Counter(c.node for n in (WEB, API) for c in self.cluster.claims(n).values())
        )

    def write(self) -> Change | None:
        operation: Operation = self.draw(OPERATIONS)
        before = self.store.revision
        revision = self.store.commit([], [operation]).revision
        if revision == before:
            return None
        return self.store.get(operation.key) or Deleted(operation.key, revision)

    def own(self) -> None:
        change = self.write()
        if change is not None:
            self.answers.append(change)

    def answer(self) -> None:
        if self.answers:
            self.cluster.note(self.answers.pop(self.draw(st.integers(0, len(self.answers) - 1))))

    def tell(self) -> bool:
        told = self.store.since(KEYS.root, self.cluster.revision + 1)
        if told is None:
            return False
        self.told.append(told)
        self.prepare(told.changes)
        self.cluster.apply(told)
        return True

    def prepare(self, changes: Iterable[Change]) -> None:
        """Some of what comes is read in advance."""
        for change in changes:
            if self.draw(st.booleans()):
                self.cluster.prepare(change)

    def repeat(self) -> None:
        if self.told:
            before = picture(self.cluster)
            self.cluster.apply(self.draw(st.sampled_from(self.told)))
            self.case.assertEqual(picture(self.cluster), before)

    def list(self) -> None:
        self.lists.append(self.store.list(KEYS.root))
        self.prepare(self.lists[-1].entries)
        self.cluster.replace(self.lists[-1])

    def old_list(self) -> None:
        old = self.draw(st.sampled_from(self.lists))
        if old.revision < self.cluster.revision:
            before = picture(self.cluster)
            self.prepare(old.entries)
            self.case.assertRaises(ForeignEtcd, self.cluster.replace, old)
            self.case.assertEqual(picture(self.cluster), before)


class InterleavingTests(SynchronousTestCase):
    @given(st.data())
    def test_ends_where_etcd_ends(self, data: st.DataObject) -> None:
        """After changes that come twice, late or out of date, the mirror shows in the end the content of etcd."""
        play = Play(self, data.draw)
        for turn in data.draw(TURNS):
            play.turn(turn)
        while play.tell():
            pass
        while play.answers:
            play.answer()
        final = play.store.list(KEYS.root)
        fresh = Cluster(KEYS)
        fresh.replace(final)
        ours = {entry for entry in final.entries if entry.key.startswith(KEYS.mirrored)}
        self.assertEqual(set(play.cluster.entries), ours)
        self.assertEqual(set(play.cluster.broken), set(fresh.broken))
        for name, service in fresh.services.items():
            self.assertEqual(play.cluster.services[name], service)
        for name in (WEB, API):
            self.assertEqual({**play.cluster.claims(name), **fresh.claims(name)}, play.cluster.claims(name))
        self.assert_rest_is_broken(play.cluster, fresh)

    def assert_rest_is_broken(self, cluster: Cluster, fresh: Cluster) -> None:
        """Entries that a mirror shows beyond a fresh one are the last readable form of a value that is broken now."""
        shown = {KEYS.service(name) for name in cluster.services.keys() - fresh.services.keys()}
        shown |= {KEYS.node(name) for name in cluster.nodes.keys() - fresh.nodes.keys()}
        for name in (WEB, API):
            numbers = cluster.claims(name).keys() - fresh.claims(name).keys()
            shown |= {KEYS.claim(InstanceName(name, number)) for number in numbers}
        self.assertLessEqual(shown, set(fresh.broken))
        self.assertEqual(cluster.cordoned, fresh.cordoned)
        self.assertEqual(cluster.pauses.keys(), fresh.pauses.keys())

    @given(st.data())
    def test_survives_the_state_directory(self, data: st.DataObject) -> None:
        """A mirror that begins with what another kept shows what that one showed, but for broken values."""
        play = Play(self, data.draw)
        for turn in data.draw(TURNS):
            play.turn(turn)
        kept = listing(play.cluster.revision, *play.cluster.entries, cluster=play.cluster.cluster_id)
        next_one = Cluster(KEYS)
        next_one.replace(evolve(kept, entries=tuple(reversed(kept.entries))))
        self.assertEqual(set(next_one.entries), set(play.cluster.entries))
        self.assert_rest_is_broken(play.cluster, next_one)
