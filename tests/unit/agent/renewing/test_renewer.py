"""The renewer: certificates for the names of definitions, in time, and the pauses after failures."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.acme.keys import SigningKey
from daprdockr.acme.orders import RenewalWindow
from daprdockr.agent.renewing.obtaining import HARD, Chances, Servers
from daprdockr.agent.renewing.office import Office
from daprdockr.agent.renewing.renewer import ETCD_REST, MOST_AT_ONCE, Contacts, Renewer
from daprdockr.agent.renewing.texts import Spread
from daprdockr.agent.renewing.vault import Vault
from daprdockr.model.errors import AcmeRefused, AcmeUnavailable, NotFound, OrderLost
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.certificate import CertificateFacts, CertificateRecord
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.renewal import ChallengeRecord, RenewalRecord
from daprdockr.model.stored.sealed import SealedValue
from daprdockr.runtime.pool import Run
from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.certificates import open_pair
from tests.build.pairs import self_signed
from tests.build.values import KEYS, WEB
from tests.fakes.acme import LIFE, TEXT, MemoryAcme
from tests.fakes.run import LoopClock, run_at_once
from tests.fakes.store import MemoryStore

NAME = "a.test"
ZONE = "acme.test"
KEY = PrivateKey.generate()
DAY = 86400.0
REFUSED = AcmeRefused("the ACME server refused (unauthorized): no", "unauthorized")


class Node:
    """One node that may be the renewer, at an etcd that others share."""

    def __init__(self, case: RenewerCase, name: str) -> None:
        self.lease = case.store.grant(6).id
        self.cluster = case.cluster
        store = case.store

        def connect(key: SigningKey) -> Contacts:
            servers = Servers(case.usual, case.staging, case.asking, case.clock)
            return Contacts(servers, case.reaching, Spread(ZONE, case.behind))

        self.renewer = Renewer(
            reactor=case.clock,
            office=Office(store, run_at_once, key=KEYS.renewer, node=name, lease=lambda: self.lease),
            vault=Vault(store, run_at_once, KEYS, lambda: (case.key,)),
            connect=connect,
            cluster=case.cluster,
            chances=Chances(lambda: 0.0, lambda: 7, case.wall),
            record_event=lambda subject, text: case.events.append(f"{subject}: {text}"),
        )
        self.renewer.startService()
        case.addCleanup(self.renewer.stopService)


class RenewerCase(SynchronousTestCase):
    """An etcd with the cluster's key, one definition, and two ACME directories."""

    def setUp(self) -> None:
        self.clock, self.store, self.cluster = LoopClock(), MemoryStore(), Cluster(KEYS)
        self.key, self.events = KEY, list[str]()
        self.usual = MemoryAcme("https://ca.test/dir", self.wall)
        self.staging: MemoryAcme | None = None
        self.elsewhere: set[str] = set()
        self.spread = list[dict[str, str]]()
        self.slow: tuple[str, ...] = ()
        self.asking: Run = run_at_once
        self.store.put(KEYS.public_key, KEY.public.encode())
        self.define(NAME)

    def wall(self) -> float:
        return 1e9 + self.clock.seconds()

    async def reaching(self, host_name: str) -> None:
        if host_name in self.elsewhere:
            raise NotFound(f"{host_name} has no address in DNS")

    async def behind(self, revision: int) -> tuple[str, ...]:
        """All nodes but ``self.slow`` take a record over, and what etcd has then is noted."""
        entry = self.store.get(KEYS.challenge)
        assert entry is not None and entry.mod_revision == revision
        self.spread.append(dict(ChallengeRecord.decode(entry.value).texts))
        return self.slow

    def define(self, *names: str) -> None:
        http = {"HostName": ",".join(names), "ContainerPort": "80"}
        definition = {"Name": WEB.service, "Group": WEB.group, "Container": {"Image": "x"}, "Http": http}
        self.store.put(KEYS.service(WEB), json.dumps(definition).encode())

    def pass_time(self, seconds: float) -> None:
        """Time passes, the last few seconds of it one by one, and the mirror follows etcd."""
        for step in (max(0.0, seconds - 3), *[1.0] * min(3, round(seconds))):
            self.cluster.replace(self.store.list(KEYS.mirrored))
            self.clock.advance(step)
        self.cluster.replace(self.store.list(KEYS.mirrored))

    def certificate(self, name: str = NAME) -> CertificateRecord | None:
        entry = self.store.get(KEYS.certificate(name))
        return None if entry is None else CertificateRecord.decode(entry.value)

    def renewal(self, name: str = NAME) -> RenewalRecord:
        entry = self.store.get(KEYS.renewal(name))
        return RenewalRecord() if entry is None else RenewalRecord.decode(entry.value)

    def challenge(self) -> ChallengeRecord:
        entry = self.store.get(KEYS.challenge)
        assert entry is not None
        return ChallengeRecord.decode(entry.value)


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

    def test_texts_of_a_dead_renewer(self) -> None:
        """The texts that a renewer left are removed by the next one; one of an order under way stays until it ends."""
        self.define("*.a.test")
        self.usual.failing, self.usual.fails_at = AcmeUnavailable("the agent is killed here"), "answer"
        first = Node(self, "a")
        self.pass_time(3)
        first.renewer.stopService()
        self.store.revoke(first.lease)
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
        """The outcomes for names that nobody wants any more are deleted by the next renewer."""
        self.store.put(KEYS.renewal("gone.test"), evolve(RenewalRecord(), failures=3).encode())
        Node(self, "a")
        self.pass_time(5)
        self.assertIsNone(self.store.get(KEYS.renewal("gone.test")))
        self.assertIsNotNone(self.store.get(KEYS.renewal(NAME)))

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
        """What is no certificate, or one for another name, ends the order, and nothing of it is stored or shown."""
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


class OustedTests(RenewerCase):
    """The lease of a renewer ends while it waits for the server, and another node takes the office."""

    def ousted(self, at: str, failing: Exception | None = None) -> None:
        """The first renewer gets as far as this, and the second one goes on."""
        first = Node(self, "a")

        def lost() -> None:
            if first.lease:
                self.store.revoke(first.lease)
            first.lease = 0

        self.usual.fails_at, self.usual.meanwhile, self.usual.failing = at, lost, failing
        self.pass_time(3)
        self.assertIsNone(self.certificate())
        self.usual.failing = None
        Node(self, "b")
        self.pass_time(3)
        self.assertIsNotNone(self.certificate())

    def test_order(self) -> None:
        """An order whose place could not be stored any more is the one that is lost."""
        self.ousted("order")
        self.assertEqual([order[2] for order in self.usual.orders.values()], ["pending", "valid"])

    def test_later(self) -> None:
        """One whose place was stored is ended by the next renewer: what the first one does counts for nothing."""
        for step in ("answer", "finish"):
            self.setUp()
            self.ousted(step)
            self.assertEqual([order[2] for order in self.usual.orders.values()], ["valid"])
            self.assertEqual(self.events, [f"{NAME}: a new certificate is stored"])

    def test_failed(self) -> None:
        """The failure of an attempt by a node that is the renewer no more holds nobody back."""
        self.ousted("order", REFUSED)
        self.assertEqual(self.renewal().failures, 0)

    def test_asked(self) -> None:
        """Nor does what it hears of renewals."""
        first = Node(self, "a")
        self.pass_time(3)
        before, begins = self.renewal(), self.wall() + DAY
        self.usual.fails_at, self.usual.window = "renewal", RenewalWindow(begins, begins, 3600.0)
        self.usual.meanwhile = lambda: self.store.revoke(first.lease)
        self.pass_time(DAY / 2)
        self.assertEqual(self.renewal(), before)

    def test_waits(self) -> None:
        """A node that is not the renewer asks nobody for anything."""
        Node(self, "a")
        self.pass_time(5)
        asked = len(self.usual.asked)
        Node(self, "b")
        self.pass_time(60)
        self.assertEqual((len(self.usual.asked), len(self.usual.orders)), (asked, 1))


class HeldTests(RenewerCase):
    """A server, or etcd, that does not answer in the middle of an attempt."""

    def hold(self) -> list[tuple[Callable[[], Any], Deferred[Any]]]:
        """The requests wait, each with what it would be."""
        held: list[tuple[Callable[[], Any], Deferred[Any]]] = []

        def asking(call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Deferred[Any]:
            waiting: Deferred[Any] = Deferred()
            held.append((lambda: call(*args, **kwargs), waiting))
            return waiting

        self.asking = asking
        return held

    def test_hangs(self) -> None:
        """A request that does not end is given up, with a line that says so, and the attempt counts as failed."""
        self.hold()
        Node(self, "a")
        self.pass_time(3)
        self.pass_time(HARD + 3)
        self.assertIn("keeps us waiting for more than 120 s", self.renewal().error)
        self.assertEqual(self.renewal().failures, 1)

    def test_many(self) -> None:
        """So many attempts are under way at once, and the end of one makes room for another."""
        self.define(*[f"a{number:02}.test" for number in range(MOST_AT_ONCE + 4)])
        held = self.hold()
        Node(self, "a")
        self.pass_time(5)
        self.assertEqual(len(held), MOST_AT_ONCE)
        held[0][1].errback(REFUSED)
        self.clock.advance(0)
        self.assertEqual(len(held), MOST_AT_ONCE + 1)

    def test_stopped(self) -> None:
        """An agent that stops leaves its attempts where they stand: none counts as failed."""
        held = self.hold()
        node = Node(self, "a")
        self.pass_time(3)
        node.renewer.stopService()
        self.assertTrue(all(waiting.called for _, waiting in held))
        self.pass_time(300)
        self.assertEqual((self.renewal(), self.events), (RenewalRecord(), []))

    def away(self, at: str, failing: Exception | None = None) -> None:
        """etcd does not answer any more when the attempt is this far; half a minute later it does."""
        self.usual.fails_at, self.usual.failing = at, failing
        self.usual.meanwhile = lambda: setattr(self.store, "unavailable", True)
        Node(self, "a")
        self.cluster.replace(self.store.list(KEYS.mirrored))
        self.clock.pump([1.0] * 30)
        self.usual.meanwhile, self.usual.failing = (lambda: None), None
        self.store.unavailable = False

    def test_etcd_lost(self) -> None:
        """An attempt that etcd kept from its end goes on a few seconds after, with the same order."""
        self.away("answer")
        self.pass_time(ETCD_REST + 2)
        self.assertIsNotNone(self.certificate())
        self.assertEqual((len(self.usual.orders), self.renewal().failures), (1, 0))

    def test_failure_not_stored(self) -> None:
        """A failure that could not be stored counts all the same: the server is left alone for as long."""
        self.away("order", REFUSED)
        self.pass_time(25)
        self.assertEqual(self.usual.asked.count("order"), 1)
        self.pass_time(10)
        self.assertEqual(self.usual.asked.count("order"), 2)

    def test_question_failed(self) -> None:
        """A server that does not say when to renew is asked again as it wants, and no certificate suffers."""
        self.usual.fails_at, self.usual.failing = "renewal", AcmeRefused("too many", "rateLimited", 7200.0)
        Node(self, "a")
        self.pass_time(5)
        for hours, times in ((1.9, 1), (0.2, 2), (1.6, 2), (0.5, 3)):
            self.pass_time(hours * 3600)
            self.assertEqual(self.usual.asked.count("renewal"), times)
        self.assertEqual((self.renewal().failures, self.renewal().error), (0, ""))
