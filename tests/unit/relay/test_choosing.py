"""Which instance of a port is next, after some took no connection."""

from __future__ import annotations

import asyncio

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.relay.choosing import AGAIN, LEFT_OUT, MOST_TRIES, Choice
from daprdockr.relay.message import Destination, PortRoute

NEAR, ALSO_NEAR = Destination("10.0.0.1", 8001), Destination("10.0.0.1", 8002)
FAR = Destination("10.0.0.2", 8001)


class ChoiceTests(SynchronousTestCase):
    """``leave_out`` and the ``pick`` after it, where the far instance is the busiest."""

    def setUp(self) -> None:
        self.now = 0.0
        self.choice = Choice(PortRoute("tcp", 5432, "db.shop", destinations=(FAR,)), lambda: self.now)
        self.choice.pick()
        self.choice.take(PortRoute("tcp", 5432, "db.shop", destinations=(NEAR, ALSO_NEAR, FAR)))

    def test_refused(self) -> None:
        """One that refused is left out; the others of its host are chosen as before."""
        self.choice.leave_out(NEAR)
        self.assertEqual(self.choice.pick({NEAR}), ALSO_NEAR)

    def test_silent(self) -> None:
        """One that did not answer puts the others of its host behind those of other hosts, for a while."""
        self.choice.leave_out(NEAR, silent=True)
        self.assertEqual(self.choice.pick({NEAR}), FAR)
        self.assertEqual(self.choice.pick({NEAR, FAR}), ALSO_NEAR)
        self.now += LEFT_OUT
        self.assertEqual(self.choice.pick({ALSO_NEAR}), NEAR)

    def test_waiting(self) -> None:
        """Clients that wait share the attempts, each at all instances, and the first success ends their wait."""

        async def scenario() -> None:
            waiting = [asyncio.ensure_future(self.choice.changed(60)) for _ in range(200)]
            await asyncio.sleep(0)
            self.assertEqual(self.choice.pause(tried=1), 200 / MOST_TRIES)
            self.assertEqual(self.choice.pause(tried=3), 3 * 200 / MOST_TRIES)
            self.choice.took_one()
            await asyncio.wait_for(asyncio.gather(*waiting), 30)
            self.assertEqual(self.choice.pause(tried=3), AGAIN)

        asyncio.run(scenario())
