"""The admission to sessions: by a token, as many as there is room for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.session import ExecAsked, LogsAsked, token_digest
from daprdockr.model.stored.token import TokenRecord
from daprdockr.peer.admission import QUESTIONS, NodeBusy, Places, SessionRefused, Tokens, Turns
from daprdockr.runtime.pool import Run
from tests.build.values import KEYS, instance
from tests.fakes.run import HeldRun, run_at_once
from tests.fakes.store import MemoryStore

TOKEN = "5f" * 32
KEY = KEYS.session(token_digest(TOKEN))


class TokensTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = MemoryStore()

    def write(self, record: bytes = TokenRecord("a", "anna@desk").encode(), leased: bool = True) -> None:
        self.store.put(KEY, record, self.store.grant(30).id if leased else 0)

    def use(self, run: Run = run_at_once) -> Deferred[TokenRecord]:
        return Deferred.fromCoroutine(Tokens(run, self.store, KEYS, "a").use(TOKEN))

    def refused(self) -> str:
        return str(self.failureResultOf(self.use(), SessionRefused).value)

    def test_once(self) -> None:
        """A token counts once, and etcd has it no more."""
        self.write()
        self.assertEqual(self.successResultOf(self.use()).by, "anna@desk")
        self.assertIsNone(self.store.get(KEY))
        self.assertIn("is not known", self.refused())

    def test_guessed(self) -> None:
        """A token whose digest nobody wrote is none."""
        self.assertIn("is not known", self.refused())

    def test_expired(self) -> None:
        """A token ends with its lease."""
        self.write()
        self.store.advance(31)
        self.assertIn("is not known", self.refused())

    def test_for_ever(self) -> None:
        """A token that would never expire counts for nothing, and neither does a key with anything else in it."""
        self.write(leased=False)
        self.assertIn("is not known", self.refused())
        self.write(b"anything")
        self.assertIn("is not known", self.refused())

    def test_elsewhere(self) -> None:
        """A token for another node is refused, and stays that node's."""
        self.write(TokenRecord("b").encode())
        self.assertIn("for node b", self.refused())
        self.assertIsNotNone(self.store.get(KEY))

    def test_two_at_once(self) -> None:
        """Of two that use the same token at the same time one is refused."""
        self.write()
        run = HeldRun()
        tokens = Tokens(run, self.store, KEYS, "a")
        both: list[Deferred[Any]] = [Deferred.fromCoroutine(tokens.use(TOKEN)) for _ in range(2)]
        while run.waiting:
            run.waiting.pop(0).arrive()
        self.successResultOf(both[0])
        self.assertIn("used before", str(self.failureResultOf(both[1], SessionRefused).value))

    def test_no_right_to_delete(self) -> None:
        """An agent whose user may not write there refuses a token the second time as well."""
        self.write()
        self.store.forbidden = (KEYS.root + "sessions/",)
        tokens = Tokens(run_at_once, self.store, KEYS, "a")
        self.successResultOf(Deferred.fromCoroutine(tokens.use(TOKEN)))
        self.assertIsNotNone(self.store.get(KEY))
        again = Deferred.fromCoroutine(tokens.use(TOKEN))
        self.assertIn("used before", str(self.failureResultOf(again, SessionRefused).value))

    def test_no_etcd(self) -> None:
        """While etcd does not answer, nobody is let in."""
        self.write()
        self.store.unavailable = True
        self.assertIn("cannot ask etcd", self.refused())

    def test_invited(self) -> None:
        """A token with which hosts join counts as often as they try, until its lease ends, and on its node alone."""
        key = KEYS.invitation(token_digest(TOKEN))
        tokens = Tokens(run_at_once, self.store, KEYS, "a")

        def invited() -> Deferred[TokenRecord]:
            return Deferred.fromCoroutine(tokens.invited(TOKEN))

        self.store.put(key, TokenRecord("a", "anna").encode(), self.store.grant(3600).id)
        self.assertEqual([self.successResultOf(invited()).by for _ in range(2)], ["anna", "anna"])
        self.store.unavailable = True
        self.assertIn("cannot ask etcd", str(self.failureResultOf(invited(), SessionRefused).value))
        self.store.unavailable = False
        for value, leased in ((b"anything", True), (TokenRecord("b").encode(), True), (b"", False)):
            self.store.put(key, value, self.store.grant(3600).id if leased else 0)
            self.assertIn("has expired", str(self.failureResultOf(invited(), SessionRefused).value))
        self.store.put(key, TokenRecord("a").encode(), self.store.grant(3600).id)
        self.store.advance(3601)
        self.assertIn("has expired", str(self.failureResultOf(invited(), SessionRefused).value))


class TurnsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.turns = Turns()

    def take(self, *people: object) -> list[Deferred[None]]:
        return [Deferred.fromCoroutine(self.turns.take(one)) for one in people]

    def test_few_at_once(self) -> None:
        """Strangers have few turns at once, however many they are; who waits gets one when another one ends."""
        taken = self.take(*range(20))
        for ended in range(20 - QUESTIONS + 1):
            self.assertEqual(sum(one.called for one in taken), QUESTIONS + ended)
            self.turns.end()
        for one in taken:
            self.successResultOf(one)

    def test_given_up(self) -> None:
        """One that is gone before its turn waits no more, and is passed over; nobody loses a turn that was taken."""
        taken = self.take(*range(20))
        for one in range(19):
            self.turns.give_up(one)
        for gone in taken[QUESTIONS:19]:
            self.failureResultOf(gone, SessionRefused)
        self.assertNoResult(taken[19])
        self.turns.end()
        self.successResultOf(taken[19])


class PlacesTests(SynchronousTestCase):
    def test_bounded(self) -> None:
        """Each kind has so many places; the next one is to try again, and a place that is free is given."""
        logs, command = LogsAsked(instance(1)), ExecAsked(instance(1), ("true",))
        places = Places("a", {LogsAsked: 2, ExecAsked: 1})
        take: Callable[[], None] = lambda: places.take(logs)  # noqa: E731
        take()
        take()
        self.assertIn("try again later", str(self.assertRaises(NodeBusy, take)))
        places.take(command)
        places.give_back(logs)
        take()
        self.assertRaises(NodeBusy, take)
