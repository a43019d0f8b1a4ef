"""
Twenty host names on three nodes, with real agents, etcd, nginx and Pebble: how long until all are served by TLS, and
whether they still are when etcd is away. Ten minutes without etcd pass in ``tests.unit.agent.certifying``, in memory.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.rig.acme_case import AcmeTestCase, is_served
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import until

NAMES = [f"n{number}.example.com" for number in range(1, 21)]
KEY_ID, MAC_KEY = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
BOUND = {"externalAccountBindingRequired": True, "externalAccountMACKeys": {KEY_ID: MAC_KEY}}
"""The server gives an account only to those who have one elsewhere."""

NOWHERE = "http://127.0.0.1:1"


class ManyTests(AcmeTestCase):
    def test_twenty(self) -> None:
        """
        All names of a definition, which is stored at once, are served by every node; each cost one order, of an account
        that is bound to another one, as the server demands. Without etcd a node whose agent is restarted serves them
        throughout, and one that is rebooted as soon as it is back.
        """
        nodes = [self.https_agent(name) for name in ("a", "b", "c")]
        (first, port), *_, (last, last_port) = nodes
        pebble = self.pebble(first.http_port, BOUND)
        (binding := first.home / "binding").write_text(f"{KEY_ID} {MAC_KEY}\n")
        key = first.home / "cluster.key"
        first.command("secret", "key", str(key))
        for agent, _ in nodes:
            agent.options = (*agent.options, *self.options(pebble, str(key), **{"acme-binding": str(binding)}))
            agent.start()
        until(lambda: self.store.get(self.keys.challenge) is not None)
        self.define(first, *NAMES)
        started, root = time.monotonic(), pebble.root()
        for _, one in nodes:
            self.wait_for_all(one, root)
        print(f"20 names are served by 3 nodes {time.monotonic() - started:.2f} s after they were set")
        self.assertEqual(pebble.orders, len(NAMES))
        with self.asked_all_the_time(port, root) as failed:
            self.restart_without_etcd(first)
            last.power_off()
            memory = Path(last.options[last.options.index("--memory-dir") + 1])
            shutil.rmtree(memory)
            memory.mkdir()
            last.etcd = NOWHERE
            last.spawn()
            self.wait_for_all(last_port, root)
        self.assertEqual(failed, [])

    def wait_for_all(self, port: int, root: bytes) -> None:
        for name in NAMES:
            until(partial(is_served, port, name, root))

    def restart_without_etcd(self, agent: AgentProcess) -> None:
        agent.kill()
        agent.etcd = NOWHERE
        agent.spawn()
        until(lambda: "etcd" in agent.curl("", f"http://127.0.0.1:{agent.api_port}/healthz"))

    @contextmanager
    def asked_all_the_time(self, port: int, root: bytes) -> Iterator[list[str]]:
        """Speak TLS with one name after another while this lasts; the names with which that failed."""
        failed: list[str] = []
        over = threading.Event()

        def ask() -> None:
            while not over.is_set():
                failed.extend(name for name in NAMES if not is_served(port, name, root))

        asker = threading.Thread(target=ask)
        asker.start()
        try:
            yield failed
        finally:
            over.set()
            asker.join()
