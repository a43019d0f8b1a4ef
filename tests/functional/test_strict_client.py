"""The strict client sees what is lost: against a little service of its own, without nginx between them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.build.ports import free_port
from tests.rig.docker_engine import until
from tests.rig.strict_client import StrictClient, Taken, Target, Wanted

ENOUGH = 100


class StrictClientTests(SynchronousTestCase):
    """One service, two processes of it one after another on one port."""

    def setUp(self) -> None:
        self.port = free_port()

    def serve(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "DAPRDOCKR_INSTANCE": "1.web.shop"}
        command = [sys.executable, "-m", "tests.rig.web_app", str(self.port)]
        served = subprocess.Popen(command, env=environment)
        self.addCleanup(served.wait)
        self.addCleanup(served.kill)
        return served

    def client(self, websockets: int = 3) -> StrictClient:
        return StrictClient(Wanted((Target(self.port, "web.example.com"),), rate=200, websockets=websockets))

    def test_all_is_well(self) -> None:
        """With a service that answers all, nothing is lost and no websocket is cut."""
        self.serve()
        until(self._answers)
        with self.client() as client:
            taken = self.taken_until(client, lambda taken: sum(one.sent for one in taken) > ENOUGH)
        self.assertEqual([({}, {}, 3)] * len(taken), [(one.lost, one.cut, one.open) for one in taken])
        self.assertGreater(max(one.slowest for one in taken), 0)

    def test_killed(self) -> None:
        """Killed, the service loses requests, and cuts each websocket once, by the instance's name."""
        first = self.serve()
        until(self._answers)
        with self.client() as client:
            first.send_signal(signal.SIGKILL)
            first.wait()
            taken = self.taken_until(client, lambda taken: sum(one.losses for one in taken) > ENOUGH)
            self.serve()
            until(lambda: client.take().open == 3)
            after = client.take()
        lost, cut = Counter[str](), Counter[str]()
        for one in taken:
            lost.update(one.lost)
            cut.update(one.cut)
        self.assertEqual({"1.web.shop": 3}, cut)
        whats = [
            f"{method} on a {which} connection: no connection"
            for method in ("GET", "POST")
            for which in ("kept", "new")
        ]
        self.assertLessEqual(set(whats), set(lost))
        self.assertEqual(({}, {}), (after.lost, after.cut))

    def taken_until(self, client: StrictClient, enough: Callable[[list[Taken]], bool]) -> list[Taken]:
        """The results of one call after another, until they are enough."""
        found: list[Taken] = []

        def looked() -> bool:
            found.append(client.take())
            return enough(found)

        until(looked)
        return found

    def _answers(self) -> bool:
        command = ["curl", "-s", "-m", "5", f"http://127.0.0.1:{self.port}/"]
        return subprocess.run(command, capture_output=True, check=False).stdout == b"1.web.shop 0\n"
