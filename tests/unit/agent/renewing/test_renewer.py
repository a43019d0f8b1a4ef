"""The renewer: certificates for the names of definitions, in time, and the pauses after failures."""

from __future__ import annotations

from attrs import evolve

from daprdockr.acme.orders import RenewalWindow
from daprdockr.model.errors import AcmeRefused, AcmeUnavailable, OrderLost
from daprdockr.model.stored.certificate import CertificateFacts, CertificateRecord
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.renewal import ChallengeRecord, RenewalRecord, bound_to_renewer
from daprdockr.model.stored.sealed import SealedValue
from daprdockr.sealing.boxes import PrivateKey, seal
from daprdockr.sealing.certificates import open_pair
from tests.build.pairs import self_signed
from tests.build.renewing import DAY, KEY, NAME, REFUSED, ZONE, Node, RenewerCase
from tests.build.values import KEYS
from tests.fakes.acme import LIFE, TEXT, MemoryAcme


class RenewerTests(RenewerCase):
    def test_certificate(self) -> None:
        """A name gets a certificate: sealed, with its record and its outcome; no order is left, and it is one order."""
        Node(self, "a")
        self.pass_time(5)
        record, entry = self.certificate(), self.store.get(KEYS.sealed_certificate(NAME))
        assert record is not None and entry is not None
        self.assertEqual((record.source, record.facts.names), ("acme", (NAME,)))
        self.assertIn("BEGIN", open_pair((KEY,), NAME, SealedValue.decode(entry.value)).key)
        self.assertEqual((self.renewal().failures, len(self.usual.orders)), (0, 1))
        left = [one.key for one in self.store.list(KEYS.renewing).entries]
        self.assertEqual(left, [KEYS.renewing + "account", KEYS.renewer])
        self.assertEqual(self.events, [f"{NAME}: a new certificate is stored"])
        self.assertEqual(len(self.cluster.thumbprint), 43)
        self.pass_time(30)
        self.assertEqual(len(self.usual.orders), 1)

    def test_wildcard(self) -> None:
        """A wildcard is proved by a text that every node has before the server is asked, and that is gone then."""
        self.define("*.a.test", "*.b.test")
        Node(self, "a")
        self.pass_time(5)
        self.assertIsNotNone(self.certificate("*.a.test"))
        self.assertEqual([list(texts) for texts in self.spread], [["a.test"], ["b.test"]])
        self.assertEqual(self.challenge(), ChallengeRecord(self.cluster.thumbprint, ZONE))

    def test_text_not_taken_over(self) -> None:
        """While a node lacks the text the server is not asked; the order stays, and the reason names the node."""
        self.define("*.a.test")
        self.slow = ("c",)
        Node(self, "a")
        self.pass_time(5)
        self.assertIn("c did not take over the text record for a.test", self.renewal("*.a.test").error)
        self.assertNotIn("answer", self.usual.asked)
        self.assertEqual(dict(self.challenge().texts), {})
        self.slow = ()
        self.pass_time(61)
        self.assertEqual([order[2] for order in self.usual.orders.values()], ["valid"])

    def test_text_not_removed(self) -> None:
        """A reason of the server counts, also if etcd is away when the text is to be removed."""
        self.define("*.a.test")
        self.usual.failing, self.usual.fails_at = REFUSED, "answer"

        def away() -> None:
            self.store.unavailable = True

        self.usual.meanwhile = away
        Node(self, "a")
        self.pass_time(0)
        self.clock.pump([1.0] * 5)
        self.assertEqual([line.partition(";")[0] for line in self.events], [f"*.a.test: no certificate: {REFUSED}"])
        self.store.unavailable, self.usual.failing, self.usual.meanwhile = False, None, lambda: None
        self.pass_time(61)
        self.assertIsNotNone(self.certificate("*.a.test"))
        self.assertEqual(dict(self.challenge().texts), {})

    def renewer_dies(self) -> None:
        """Have a renewer end in the middle of an order for ``*.a.test``."""
        self.define("*.a.test")
        self.usual.failing, self.usual.fails_at = AcmeUnavailable("the agent is killed here"), "answer"
        first = Node(self, "a")
        self.pass_time(3)
        first.renewer.stopService()
        self.store.revoke(first.lease)

    def test_texts_of_a_dead_renewer(self) -> None:
        """The texts that a renewer left are removed by the next one; one of an order under way stays until it ends."""
        self.renewer_dies()
        left = {"a.test": TEXT, "gone.test": TEXT}
        self.store.put(KEYS.challenge, ChallengeRecord(self.cluster.thumbprint, ZONE, left).encode())
        Node(self, "b")
        self.pass_time(3)
        self.assertEqual(dict(self.challenge().texts), {"a.test": TEXT})
        self.usual.failing = None
        self.pass_time(61)
        self.assertEqual((len(self.usual.orders), dict(self.challenge().texts)), (1, {}))

    def test_covered(self) -> None:
        """A name that a certificate of the operator's covers gets none."""
        facts = CertificateFacts(("*.test",), 0.0, 2e9)
        self.store.put(KEYS.certificate("*.test"), CertificateRecord("1", KEY.public.id, facts).encode())
        Node(self, "a")
        self.pass_time(5)
        self.assertEqual(self.usual.orders, {})

    def test_covered_by_files(self) -> None:
        """A name in the files of the nodes gets none, until the file expires."""
        record = NodeRecord(certificates={NAME: self.wall() + 60})
        self.store.put(KEYS.node("b"), record.encode(), self.store.grant(6000).id)
        Node(self, "a")
        self.pass_time(30)
        self.assertEqual(self.usual.orders, {})
        self.pass_time(40)
        self.assertEqual(len(self.usual.orders), 1)

    def test_table(self) -> None:
        """A server that refuses is asked after 1, 2, 5 minutes, and so on; each failure is said once."""
        self.usual.failing = REFUSED
        Node(self, "a")
        self.pass_time(3)
        for number, minutes in enumerate((1, 2, 5, 10), 1):
            self.pass_time(minutes * 60 - 5)
            self.assertEqual((self.usual.asked.count("order"), len(self.events)), (number, number))
            self.pass_time(6)
        self.assertEqual((self.usual.asked.count("order"), len(self.events)), (5, 5))
        self.assertEqual(self.events[1], f"{NAME}: no certificate: {REFUSED}; the next attempt is in 2 min")
        found = self.renewal()
        self.assertEqual((found.failures, found.error, found.next_attempt - found.time), (5, str(REFUSED), 1200.0))
        self.usual.failing = None
        self.pass_time(1201)
        self.assertEqual((self.renewal().failures, self.renewal().error), (0, ""))

    def test_wish(self) -> None:
        """A server that asks for a longer pause gets it."""
        self.usual.failing = AcmeRefused("too many", "rateLimited", 7200.0)
        Node(self, "a")
        self.pass_time(5)
        self.assertEqual(self.renewal().next_attempt - self.renewal().time, 7200.0)

    def test_killed(self) -> None:
        """A renewer that ends at any step leaves its order to the next one, which goes on with it: one order in all."""
        for step in ("look", "answer", "finish"):
            self.usual.orders.clear()
            self.usual.failing, self.usual.fails_at = AcmeUnavailable("the agent is killed here"), step
            first = Node(self, "a")
            self.pass_time(3)
            self.assertEqual(len(self.usual.orders), 1)
            first.renewer.stopService()
            self.store.revoke(first.lease)
            self.store.commit([], [Delete(KEYS.renewal(NAME))])
            self.usual.failing = None
            second = Node(self, "b")
            self.pass_time(3)
            self.assertEqual([order[2] for order in self.usual.orders.values()], ["valid"], step)
            self.assertIsNotNone(self.certificate())
            self.store.revoke(second.lease)
            second.renewer.stopService()
            self.store.commit([], [Delete(KEYS.certificate(NAME)), Delete(KEYS.renewal(NAME))])

    def test_lost_order(self) -> None:
        """An order that came to nothing is dropped, and the next attempt begins another one."""
        self.usual.failing, self.usual.fails_at = OrderLost("refused (unauthorized): no answer"), "answer"
        Node(self, "a")
        self.pass_time(3)
        self.assertEqual(self.renewal().failures, 1)
        self.usual.failing = None
        self.pass_time(61)
        self.assertEqual([order[2] for order in self.usual.orders.values()], ["pending", "valid"])

    def test_rehearsed(self) -> None:
        """A new name passes the checks of the staging directory first, once, and gets no certificate there."""
        self.staging = MemoryAcme("https://staging.test/dir", self.wall)
        self.staging.failing, self.staging.fails_at = REFUSED, "answer"
        Node(self, "a")
        self.pass_time(3)
        self.assertEqual((self.usual.orders, self.renewal().rehearsed), ({}, False))
        self.staging.failing, self.usual.failing = None, REFUSED
        self.pass_time(61)
        self.assertEqual((self.renewal().rehearsed, self.renewal().failures), (True, 2))
        self.usual.failing = None
        self.pass_time(121)
        self.assertEqual([order[2] for order in self.staging.orders.values()], ["pending", "ready"])
        self.assertIsNotNone(self.certificate())

    def test_staging_away(self) -> None:
        """A staging directory that does not answer holds a new name back for some attempts, and not for good."""
        self.staging = MemoryAcme("https://staging.test/dir", self.wall)
        self.staging.failing = AcmeUnavailable("the ACME server cannot be reached")
        Node(self, "a")
        self.pass_time(3)
        for failures in (1, 2, 3):
            self.assertEqual((self.usual.orders, self.renewal().failures), ({}, failures))
            self.pass_time(301)
        self.assertIsNotNone(self.certificate())

    def test_elsewhere(self) -> None:
        """For a name that leads elsewhere no order is made, and the reason is kept."""
        self.elsewhere = {NAME}
        Node(self, "a")
        self.pass_time(5)
        self.assertEqual((self.usual.orders, self.renewal().error), ({}, f"{NAME} has no address in DNS"))

    def test_renewed(self) -> None:
        """A certificate is renewed when its server wants that, and names the one that it replaces."""
        begins = self.wall() + 10 * DAY
        self.usual.window = RenewalWindow(begins, begins + DAY, 6 * 3600.0)
        Node(self, "a")
        self.pass_time(5)
        self.assertEqual((self.renewal().renew, len(self.usual.orders)), (begins, 1))
        self.pass_time(10 * DAY)
        self.pass_time(5)
        (_, second), replaced = self.usual.orders.values(), self.renewal().renewal_id
        self.assertNotIn(second[1], ("", replaced))
        self.assertGreater(second[1].count("."), 0)

    def test_usual_renewal(self) -> None:
        """Without such a wish a certificate is renewed when a third of its life is left."""
        Node(self, "a")
        self.pass_time(5)
        self.pass_time(LIFE * 2 / 3 - 3600)
        self.assertEqual(len(self.usual.orders), 1)
        self.pass_time(2 * 3600)
        self.assertEqual(len(self.usual.orders), 2)

    def test_without_key(self) -> None:
        """A cluster without a key, or a node without it, orders nothing and says so once."""
        self.store.commit([], [Delete(KEYS.public_key)])
        Node(self, "a")
        self.pass_time(5)
        self.assertEqual(len(self.events), 1)
        self.assertIn("daprdockrcmd secret key", self.events[0])
        self.store.put(KEYS.public_key, PrivateKey.generate().public.encode())
        self.pass_time(5)
        self.assertEqual((len(self.events), self.usual.asked), (2, []))

    def test_forgotten(self) -> None:
        """The outcomes for names that nobody wants any more are deleted, also those of an earlier renewer."""
        self.store.put(KEYS.renewal("gone.test"), evolve(RenewalRecord(), failures=3).encode())
        Node(self, "a")
        self.pass_time(5)
        self.assertIsNone(self.store.get(KEYS.renewal("gone.test")))
        self.assertIsNotNone(self.store.get(KEYS.renewal(NAME)))

    def test_removed(self) -> None:
        """A name that fails, and that nobody wants any more, is forgotten at once, and tried at once if it is back."""
        self.define(NAME, "b.test")
        self.elsewhere = {"b.test"}
        Node(self, "a")
        self.pass_time(5)
        self.assertEqual(self.renewal("b.test").failures, 1)
        self.define(NAME)
        self.cluster.replace(self.store.list(KEYS.mirrored))
        self.store.unavailable = True
        self.store.calls.clear()
        self.clock.pump([1.0] * 8)
        self.assertEqual(len(self.store.calls), 2)
        self.store.unavailable = False
        self.pass_time(8)
        self.assertIsNone(self.store.get(KEYS.renewal("b.test")))
        self.assertIsNotNone(self.store.get(KEYS.renewal(NAME)))
        self.elsewhere = set()
        self.define(NAME, "b.test")
        self.pass_time(3)
        self.assertIsNotNone(self.certificate("b.test"))

    def test_removed_in_between(self) -> None:
        """Of a name that nobody wants any more when another node becomes the renewer no order and no text stays."""
        self.renewer_dies()
        self.store.commit([], [Delete(KEYS.renewal("*.a.test"))])  # as of one that was killed in its first attempt
        self.store.put(KEYS.challenge, ChallengeRecord(self.cluster.thumbprint, ZONE, {"a.test": TEXT}).encode())
        self.define(NAME)
        Node(self, "b")
        self.pass_time(5)
        self.assertEqual(self.store.list(KEYS.renewing + "orders/*.a.test").entries, ())
        self.assertEqual(dict(self.challenge().texts), {})

    def test_etcd_away(self) -> None:
        """While etcd does not answer nothing is asked of the server, and the attempt goes on afterwards."""
        Node(self, "a")
        self.store.unavailable = True
        self.clock.pump([1.0] * 5)
        self.assertEqual(self.usual.asked, [])
        self.store.unavailable = False
        self.pass_time(5)
        self.assertIsNotNone(self.certificate())

    def test_unusable_certificate(self) -> None:
        """An answer without a certificate for the name ends the order, and nothing of it is stored or shown."""
        for chain, said in ((b"no PEM", "no usable certificate"), (self_signed(("b.test",)).chain.encode(), "key")):
            self.usual.chain = chain
            node = Node(self, "a")
            self.pass_time(5)
            self.assertIn(said, self.renewal().error)
            self.assertIsNone(self.certificate())
            self.assertEqual([one.key for one in self.store.list(KEYS.renewing + "orders/").entries], [])
            node.renewer.stopService()
            self.store.revoke(node.lease)
            self.store.commit([], [Delete(KEYS.renewal(NAME))])

    def test_damaged_records(self) -> None:
        """An outcome and an answer to challenges that cannot be read count for none, and are written anew."""
        self.store.put(KEYS.renewal(NAME), b"no JSON")
        self.store.put(KEYS.challenge, b"no JSON")
        Node(self, "a")
        self.pass_time(5)
        self.assertIsNotNone(self.certificate())
        self.assertEqual(self.challenge().thumbprint, self.cluster.thumbprint)

    def test_lost_key(self) -> None:
        """A certificate that no node can open is replaced at once; one that another node can open is not."""
        other, facts = PrivateKey.generate().public.id, CertificateFacts((NAME,), self.wall(), self.wall() + LIFE)
        self.store.put(KEYS.certificate(NAME), CertificateRecord("1", other, facts, "acme").encode())
        for node, keys in (("a", (KEY.public.id,)), ("b", (KEY.public.id, other))):
            self.store.put(KEYS.node(node), NodeRecord(keys=keys).encode(), self.store.grant(6000).id)
        Node(self, "a")
        self.pass_time(30)
        self.assertEqual(self.usual.orders, {})
        self.store.put(KEYS.node("b"), NodeRecord(keys=(KEY.public.id,)).encode(), self.store.grant(6000).id)
        self.pass_time(70)
        record = self.certificate()
        assert record is not None
        self.assertEqual((record.key, len(self.usual.orders)), (KEY.public.id, 1))

    def test_damaged_account(self) -> None:
        """An account that cannot be read is named, with what to do, and when that was done all goes on."""
        place = KEYS.renewing + "account"
        broken = seal(KEY.public, b"no key", bound_to_renewer("account"))
        for sealed in (b"x" * 80, broken):
            self.setUp()
            self.store.put(place, SealedValue(KEY.public.id, "acme", sealed).encode())
            node = Node(self, "a")
            self.pass_time(5)
            (said,) = self.events
            self.assertRegex(said, rf"certificates: {place} cannot be used, .*damaged.*: delete it in etcd")
            self.store.commit([], [Delete(place)])
            self.pass_time(5)
            self.assertIsNotNone(self.certificate())
            node.renewer.stopService()

    def test_account_of_another_key(self) -> None:
        """An account that this node cannot open is not replaced, and the reason is said once."""
        Node(self, "a").renewer.stopService()
        self.store.revoke(1)
        self.store.put(KEYS.renewing + "account", SealedValue("0badc0de0badc0de", "acme", b"x" * 80).encode())
        Node(self, "b")
        before = len(self.events)
        self.pass_time(10)
        (said,) = self.events[before - 1 :]
        self.assertIn("account is sealed to key 0badc0de0badc0de, which this node does not have", said)
