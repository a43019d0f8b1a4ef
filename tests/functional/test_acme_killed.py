"""
The renewer, a real agent, is killed in the middle of orders at Pebble. Continuous integration kills it three times;
``KILLS=10 SEED=7`` does it more often, at other moments.
"""

from __future__ import annotations

import os
from functools import partial
from random import Random

from tests.rig.acme_case import AcmeTestCase
from tests.rig.docker_engine import until
from tests.rig.pebble import Pebble

KILLS = int(os.environ.get("KILLS", "3"))
SEED = os.environ.get("SEED", "1")
MOST_REQUESTS = 8
"""An order takes about so many requests after its first one."""


class KilledTests(AcmeTestCase):
    timeout = 300 + 60 * KILLS

    def test_killed(self) -> None:
        """Each order ends, at one node or another, and all kills together cost one more order at most."""
        random = Random(SEED)
        nodes = {name: self.agent(name) for name in ("a", "b")}
        first = nodes["a"]
        pebble = self.pebble(first.http_port, PEBBLE_VA_NOSLEEP="0", PEBBLE_VA_SLEEPTIME="1")
        key = first.home / "cluster.key"
        first.command("secret", "key", str(key))
        for agent in nodes.values():
            agent.options = tuple(self.options(pebble, str(key)))
            agent.start()
        until(lambda: bool(self.renewer()))
        names = [f"n{number}.example.com" for number in range(KILLS)]
        story = []
        for number, name in enumerate(names):
            before, requests = pebble.orders, random.randrange(MOST_REQUESTS)
            self.define(nodes["b"], *names[: number + 1])
            until(partial(self.is_at, pebble, before, requests, name))
            renewer, is_over = self.renewer(), self.is_certified(name)
            nodes[renewer].kill()
            nodes[renewer].spawn()
            until(partial(self.is_certified, name), 150, partial(nodes["b"].command, "certificates"))
            story.append(f"{renewer} after {requests} requests{', too late' if is_over else ''}")
        surplus = pebble.orders - len(names)
        print(f"killed {KILLS} times ({'; '.join(story)}): {surplus} surplus orders")
        self.assertLessEqual(surplus, 1)
        self.assertGreater(sum("too late" not in one for one in story), KILLS // 2)
        self.assertEqual(self.store.list(self.keys.renewing + "orders/").entries, ())

    def is_at(self, pebble: Pebble, before: int, requests: int, name: str) -> bool:
        """Whether there is one more order than before, and so many requests came after that, or all is over."""
        _, _, later = pebble.log.rpartition("Added order ")
        begun = pebble.orders > before
        return begun and (later.count("calling handler()") >= requests or self.is_certified(name))

    def is_certified(self, name: str) -> bool:
        return self.certificate(name) is not None
