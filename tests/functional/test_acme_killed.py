"""
The renewer, a real agent, is killed in the middle of orders at Pebble. Continuous integration kills it three times;
``KILLS=10 SEED=7`` does it more often, at other moments.
"""

from __future__ import annotations

import os
from functools import partial
from random import Random

from tests.rig.acme_case import AcmeTestCase
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import until
from tests.rig.pebble import Pebble

KILLS = int(os.environ.get("KILLS", "3"))
SEED = os.environ.get("SEED", "1")
MOST_REQUESTS = 7
"""
An order takes some more requests after its first one. Until the next one its URL may not be stored yet, so one kill
falls there, and no other.
"""


class KilledTests(AcmeTestCase):
    timeout = 300 + 60 * KILLS

    def setUp(self) -> None:
        super().setUp()
        self.nodes: dict[str, AgentProcess] = {name: self.agent(name) for name in ("a", "b")}
        first = self.nodes["a"]
        self.pebble_here = self.pebble(first.http_port, PEBBLE_VA_NOSLEEP="0", PEBBLE_VA_SLEEPTIME="1")
        key = first.home / "cluster.key"
        first.command("secret", "key", str(key))
        for agent in self.nodes.values():
            agent.options = tuple(self.options(self.pebble_here, str(key)))
            agent.start()
        until(lambda: bool(self.renewer()))

    def test_killed(self) -> None:
        """
        Each order ends, at the agent that is started again or, every other time, at another node; and all kills
        together cost one more order at most.
        """
        random = Random(SEED)
        names = [f"n{number}.example.com" for number in range(KILLS)]
        story = []
        for number, name in enumerate(names):
            requests = random.randrange(1, MOST_REQUESTS) if number else 0
            before = self.pebble_here.orders
            self.define(self.nodes["b"], *names[: number + 1])
            until(partial(self.is_at, before, requests, name))
            story.append(f"{self.kill_renewer(name, stays_away=number % 2 == 1)} at request {requests}")
        surplus = self.pebble_here.orders - len(names)
        print(f"killed {KILLS} times ({'; '.join(story)}): {surplus} surplus orders")
        self.assertLessEqual(surplus, 1)
        self.assertTrue([one for one in story if "too late" not in one])
        self.assertEqual(self.store.list(self.keys.renewing + "orders/").entries, ())

    def is_at(self, before: int, requests: int, name: str) -> bool:
        """Whether there is one more order than before, and so many requests came after that, or all is over."""
        pebble: Pebble = self.pebble_here
        later = pebble.log.rpartition("Added order ")[2].count("calling handler()")
        return pebble.orders > before and (later >= requests or self.is_certified(name))

    def kill_renewer(self, name: str, stays_away: bool) -> str:
        """Kill it, and wait until the certificate is there; who it was, and whether the kill came too late."""
        until(lambda: self.renewer() != "")  # a lease that ended on a busy machine
        renewer, is_over = self.renewer(), self.is_certified(name)
        agent = self.nodes[renewer]
        agent.kill()
        if not stays_away:
            agent.spawn()
        until(partial(self.is_certified, name), 150, partial(agent.command, "certificates"))
        if stays_away:
            until(lambda: self.renewer() not in ("", renewer))
            agent.spawn()
        return f"{renewer}, too late," if is_over else renewer
