"""Twenty host names on three nodes, with real agents, etcd, nginx and Pebble: how long until all are served by TLS."""

from __future__ import annotations

import time
from functools import partial

from tests.rig.acme_case import AcmeTestCase, is_served
from tests.rig.docker_engine import until

NAMES = [f"n{number}.example.com" for number in range(1, 21)]


class ManyTests(AcmeTestCase):
    def test_twenty(self) -> None:
        """All names of a definition, which is stored at once, are served by every node; each cost one order."""
        agents = [self.https_agent(name) for name in ("a", "b", "c")]
        first = agents[0][0]
        pebble = self.pebble(first.http_port)
        key = first.home / "cluster.key"
        first.command("secret", "key", str(key))
        for agent, _ in agents:
            agent.options = (*agent.options, *self.options(pebble, str(key)))
            agent.start()
        until(lambda: self.store.get(self.keys.challenge) is not None)
        self.define(first, *NAMES)
        started, root = time.monotonic(), pebble.root()
        for name in reversed(NAMES):
            for _, port in agents:
                until(partial(is_served, port, name, root))
        print(f"20 names are served by 3 nodes {time.monotonic() - started:.2f} s after they were set")
        self.assertEqual(pebble.orders, len(NAMES))
