"""A renewer that loses its office, and a server, or etcd, that does not answer, in the middle of an attempt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from daprdockr.acme.orders import DNS, RenewalWindow
from daprdockr.agent.renewing.obtaining import HARD
from daprdockr.agent.renewing.renewer import ETCD_REST, MOST_AT_ONCE, REST
from daprdockr.model.errors import AcmeRefused, EtcdUnavailable
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.renewal import RenewalRecord
from daprdockr.model.stored.sealed import SealedValue
from daprdockr.sealing.boxes import PrivateKey
from tests.build.renewing import DAY, KEY, NAME, REFUSED, Node, RenewerCase
from tests.build.values import KEYS
from tests.fakes.acme import TEXT
from tests.fakes.run import HeldCall, run_at_once


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
        """Nor does what the server says of renewals."""
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


class ResigningTests(RenewerCase):
    """A renewer that lacks a key, beside a node that has it."""

    def test_other_key(self) -> None:
        """A node with another key than the cluster's leaves the office to one that has it, and says so once."""
        Node(self, "a", (PrivateKey.generate(),))
        self.pass_time(2)
        Node(self, "b")
        self.pass_time(30)
        self.assertIsNotNone(self.certificate())
        (said, _) = self.events
        self.assertIn("another one has to be the renewer", said)

    def test_alone(self) -> None:
        """A node that is alone tries again, and goes on when it has the key."""
        keys = [PrivateKey.generate()]
        Node(self, "a", keys)
        self.pass_time(60)
        self.assertEqual(len(self.events), 1)
        keys.append(KEY)
        self.pass_time(REST + 5)
        self.assertIsNotNone(self.certificate())

    def test_rotated(self) -> None:
        """A renewer that lacks the new key of the cluster leaves the office in the middle of its work."""
        new = PrivateKey.generate()
        Node(self, "a")
        self.pass_time(5)
        Node(self, "b", (new, KEY))
        self.store.put(KEYS.public_key, new.public.encode())
        self.define(NAME, "b.test")
        self.pass_time(30)
        record = self.certificate("b.test")
        assert record is not None
        self.assertEqual((record.key, self.renewal("b.test").failures), (new.public.id, 0))

    def test_etcd_away(self) -> None:
        """If etcd does not take the resignation, the node is the renewer still, and resigns later."""
        self.store.put(KEYS.public_key, PrivateKey.generate().public.encode())
        first = Node(self, "a")
        commit = self.store.commit

        def away(conditions: Any, operations: Any) -> Any:
            if any(isinstance(one, Delete) for one in operations):
                raise EtcdUnavailable("etcd did not answer")
            return commit(conditions, operations)

        self.patch(self.store, "commit", away)
        self.pass_time(5)
        entry = self.store.get(KEYS.renewer)
        assert entry is not None
        self.assertEqual(entry.lease, first.lease)
        self.patch(self.store, "commit", commit)
        self.pass_time(REST)
        self.assertIsNone(self.store.get(KEYS.renewer))


class LostOrderTests(RenewerCase):
    def test_unreadable(self) -> None:
        """An order that cannot be read, or is sealed to a key that is lost, is dropped, and another one is made."""
        place = f"{KEYS.renewing}orders/{NAME}"
        for stored in (b"no JSON", SealedValue("0badc0de0badc0de", "acme", b"x" * 60).encode()):
            self.setUp()
            self.store.put(place, stored)
            node = Node(self, "a")
            self.pass_time(3)
            self.assertIn("the order under way cannot be read", self.renewal().error)
            self.assertIsNone(self.store.get(place))
            self.pass_time(61)
            self.assertIsNotNone(self.certificate())
            node.renewer.stopService()


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

    def hold_looks(self) -> list[HeldCall]:
        """The server looks for text records until a call arrives; all else it does at once."""
        looking = list[HeldCall]()

        def asking(call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Deferred[Any]:
            held = HeldCall(lambda: call(*args, **kwargs), call.__name__)
            if held.name == "answer" and args[1][0].kind == DNS:
                looking.append(held)
            else:
                held.arrive()
            return held.arrived

        self.asking = asking
        return looking

    def test_attempt_of_an_earlier_term(self) -> None:
        """A renewer that lost its lease for a moment goes on when an attempt from before finds that its term ended."""
        held = self.hold()
        node = Node(self, "a")
        self.pass_time(3)
        self.store.revoke(node.lease)
        node.lease = self.store.grant(6).id
        self.pass_time(3)
        self.assertEqual(len(held), 2)
        make, waiting = held[0]
        waiting.callback(make())
        self.pass_time(3)
        self.assertEqual(len(held), 2)

    def test_hangs(self) -> None:
        """A request that does not end is given up, with a line that says so, and the attempt counts as failed."""
        self.hold()
        Node(self, "a")
        self.pass_time(3)
        self.pass_time(HARD + 3)
        self.assertIn("keeps us waiting for more than 120 s", self.renewal().error)
        self.assertEqual(self.renewal().failures, 1)

    def test_bare_name_beside_wildcard(self) -> None:
        """The text for a wildcard stays while the server looks for it, also when the bare name is done meanwhile."""
        self.define("a.test", "*.a.test")
        looking = self.hold_looks()
        Node(self, "a")
        self.pass_time(5)
        self.assertIsNotNone(self.certificate("a.test"))
        self.assertEqual(dict(self.challenge().texts), {"a.test": TEXT})
        looking.pop().arrive()
        self.pass_time(3)
        self.assertIsNotNone(self.certificate("*.a.test"))
        self.assertEqual(dict(self.challenge().texts), {})

    def test_unexpected(self) -> None:
        """An error that nobody foresaw is logged once, and the attempt rests like others that failed."""
        for step, times in (("order", 1), ("renewal", 1)):
            self.setUp()
            self.usual.fails_at, self.usual.failing = step, ZeroDivisionError()
            node = Node(self, "a")
            self.pass_time(50)
            self.assertEqual(self.usual.asked.count(step), times)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            node.renewer.stopService()
        self.usual.failing = None
        self.setUp()
        self.usual.fails_at, self.usual.failing = "order", ZeroDivisionError()
        Node(self, "a")
        self.pass_time(30)
        self.usual.failing = None
        self.pass_time(61)
        self.assertIsNotNone(self.certificate())
        self.flushLoggedErrors(ZeroDivisionError)

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
        self.assertEqual([waiting.called for _, waiting in held], [True])
        self.pass_time(300)
        self.assertEqual((self.renewal(), self.events), (RenewalRecord(), []))

    def test_stopped_while_the_server_looks(self) -> None:
        """The text for a server that may be looking stays when the agent stops, and the next renewer removes it."""
        self.define("*.a.test")
        self.hold_looks()
        node = Node(self, "a")
        self.pass_time(3)
        node.renewer.stopService()
        self.assertEqual(dict(self.challenge().texts), {"a.test": TEXT})
        self.store.revoke(node.lease)
        self.asking = run_at_once
        Node(self, "b")
        self.pass_time(3)
        self.assertIsNotNone(self.certificate("*.a.test"))
        self.assertEqual((len(self.usual.orders), dict(self.challenge().texts)), (1, {}))

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
        """A failure that could not be stored still counts: the server is left alone for as long."""
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
