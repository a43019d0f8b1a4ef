"""The guard's orders: what is due when, and what becomes of a file that is another's, or none."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.guard.orders import Action, Order, Orders

ONE, TWO = "1" * 64, "2" * 64
BOOT = "this-boot"
SECONDS = st.floats(0, 1e9)


def orders(margin: float = 1.0, **containers: Order) -> Orders:
    return Orders(BOOT, margin, {ONE: containers.get("one", Order(100.0, 5.0))})


class WrittenTests(SynchronousTestCase):
    """The time of orders."""

    def test_kept(self) -> None:
        """It is read as it was written; orders of an older agent, or of another boot, have none."""
        timed = orders()._replace(written=12.25)
        self.assertEqual(Orders.decode(timed.encode(), BOOT), timed)
        self.assertEqual(Orders.decode(orders().encode(), BOOT).written, 0.0)
        self.assertEqual(Orders.decode(timed.encode(), "next-boot"), Orders("next-boot", 1.0, {}))

    def test_damaged(self) -> None:
        """A time that was changed makes the orders unreadable, as a damaged deadline does."""
        given = json.loads(orders()._replace(written=12.25).encode())
        at, stamp = given["written"]
        for damaged in (
            [at + 1, stamp],
            [at, stamp + 1],
            [at],
            at,
            None,
            [-1.0, stamp],
            ["12.25", stamp],
            [None, None],
        ):
            content = json.dumps(given | {"written": damaged}).encode()
            self.assertRaises(ValueError, Orders.decode, content, BOOT)
        del given["sum"]
        self.assertRaises(ValueError, Orders.decode, json.dumps(given).encode(), BOOT)


class ActionTests(SynchronousTestCase):
    """``action`` and ``next_change``: orders and a time, nothing else."""

    def test_times(self) -> None:
        """Nothing is due until the grace begins, then TERM, and KILL from the margin before the deadline on."""
        table = {
            0.0: Action.NONE,
            93.9: Action.NONE,
            94.0: Action.TERM,
            98.9: Action.TERM,
            99.0: Action.KILL,
            100.0: Action.KILL,
            1e9: Action.KILL,
        }
        self.assertEqual({now: orders().action(ONE, now) for now in table}, table)

    def test_no_grace(self) -> None:
        """Without a grace KILL is the first that is due."""
        plain = orders(one=Order(100.0))
        self.assertEqual([plain.action(ONE, now) for now in (98.9, 99.0)], [Action.NONE, Action.KILL])

    def test_no_time(self) -> None:
        """A container that nobody allowed to run is killed at any time."""
        self.assertEqual(orders(one=Order(0.0)).action(ONE, 0.1), Action.KILL)

    def test_stranger(self) -> None:
        """A container that is not in the orders gets nothing."""
        self.assertEqual(orders().action(TWO, 1e9), Action.NONE)

    def test_next_change(self) -> None:
        """The next change is that of the container that is due first, and none when all is over."""
        both = Orders(BOOT, 1.0, {ONE: Order(100.0, 5.0), TWO: Order(98.0, 1.0)})
        moments = [both.next_change(now) for now in (0.0, 94.0, 96.0, 97.0, 99.0)]
        self.assertEqual(moments, [94.0, 96.0, 97.0, 99.0, math.inf])

    @given(order=st.builds(Order, SECONDS, SECONDS), margin=SECONDS, now=SECONDS)
    def test_never_later_than_told(self, order: Order, margin: float, now: float) -> None:
        """The due action is the same until the next change, and the margin before the deadline it is KILL."""
        told = orders(margin, one=order)
        following = told.next_change(now)
        before = min(following, 2e9)
        between = now + (before - now) / 2
        if now <= between < following:
            self.assertEqual(told.action(ONE, between), told.action(ONE, now))
        self.assertEqual(told.action(ONE, max(0.0, order.deadline - margin)), Action.KILL)


class FileTests(SynchronousTestCase):
    """``encode`` and ``decode``."""

    @given(
        margin=SECONDS,
        containers=st.dictionaries(
            st.text("0123456789abcdef", min_size=64, max_size=64),
            st.builds(Order, SECONDS, SECONDS, st.integers(0, 2**63 - 1)),
            max_size=4,
        ),
    )
    def test_round_trip(self, margin: float, containers: dict[str, Order]) -> None:
        """Orders that were written are read back the same."""
        written = Orders(BOOT, margin, containers)
        self.assertEqual(Orders.decode(written.encode(), BOOT), written)

    def test_another_boot(self) -> None:
        """Orders of another boot name nobody: its containers ended with the power."""
        self.assertEqual(Orders.decode(orders().encode(), "next-boot"), Orders("next-boot", 1.0, {}))

    def test_newer_agent(self) -> None:
        """A member that is not known is passed over, and one that is the agent's own may be missing."""
        given = json.dumps(
            {"boot": BOOT, "margin": 1, "new": 1, "containers": {ONE: {"deadline": 9, "grace": 2, "new": []}}}
        )
        self.assertEqual(Orders.decode(given.encode(), BOOT).containers, {ONE: Order(9.0, 2.0)})

    def test_damaged(self) -> None:
        """Orders of which a single digit changed are refused; those of an agent that wrote no sum are not."""
        written = orders().encode()
        for place, octet in enumerate(written):
            if chr(octet).isdigit():
                damaged = written[:place] + (b"7" if octet != ord("7") else b"6") + written[place + 1 :]
                self.assertRaises(ValueError, Orders.decode, damaged, BOOT)
        older = {name: given for name, given in json.loads(written).items() if name != "sum"}
        self.assertEqual(Orders.decode(json.dumps(older).encode(), BOOT), orders())

    def test_no_orders(self) -> None:
        """Everything else is refused, one bad container among good ones too."""
        good = json.loads(orders().encode())
        del good["sum"]  # it would refuse all of these
        order = good["containers"][ONE]
        bad = [
            {**good, "containers": {**good["containers"], "..": order}},
            {**good, "containers": {ONE: {**order, "deadline": -1}}},
            {**good, "containers": {ONE: {**order, "deadline": None}}},
            {**good, "containers": {ONE: {**order, "deadline": str(order["deadline"])}}},
            {**good, "containers": {ONE: {**order, "deadline": True}}},
            {**good, "containers": {ONE: {**order, "deadline": 10**400}}},
            {**good, "containers": {ONE: {**order, "grace": "soon"}}},
            {**good, "containers": {ONE: {**order, "lease": -1}}},
            {**good, "containers": {ONE: {**order, "lease": 2**63}}},
            {**good, "containers": {ONE: {**order, "lease": "70"}}},
            {**good, "boot": None},
            {**good, "containers": {ONE: 5}},
            {**good, "containers": [ONE]},
            {**good, "margin": math.inf},
            {**good, "margin": math.nan},
            {"boot": BOOT},
            [],
            5,
        ]
        contents = [b"", b"{", b"\xff", b"[" * 100_000, *(json.dumps(given).encode() for given in bad)]
        for content in contents:
            self.assertRaises(ValueError, Orders.decode, content, BOOT)
