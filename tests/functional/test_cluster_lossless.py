"""Instances are stopped on purpose, again and again, and not one request is lost."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.rig.cgi_programs import HASTY, STUBBORN
from tests.rig.cluster.cluster import missing, shared
from tests.rig.cluster.host import AGENT
from tests.rig.docker_engine import SAMPLE
from tests.rig.strict_client import StrictClient, Target, Wanted

SERVICES = {"hasty.lossless": HASTY, "stubborn.lossless": STUBBORN}
"""Programs that end at once on TERM, in the middle of requests, and those that ignore it."""

RATE = 80
"""Requests per second: each starts a process in a container."""


class LosslessTests(SynchronousTestCase):
    """Two services on three hosts, and a client that repeats nothing at each host's nginx."""

    skip = missing()

    def setUp(self) -> None:
        self.cluster = shared()
        self.cluster.reset()
        self.scale(3)

    def scale(self, instances: int) -> None:
        for service, program in SERVICES.items():
            container = {"Image": SAMPLE, "Cmd": ["sh", "-c", program]}
            self.cluster.define(service, instances, Container=container, StopTimeout=1)
        for service in SERVICES:
            self.cluster.until_settled(service, instances)

    def client(self) -> StrictClient:
        places = [(host.address, service) for host in self.cluster.hosts for service in SERVICES]
        targets = [
            Target(80, f"{service}.test", address, f"/cgi-bin/{path}")
            for address, service in places
            for path in ("quick", "quick", "slow")
        ]
        return StrictClient(Wanted(tuple(targets), rate=RATE))

    def test_nothing_is_lost(self) -> None:
        """
        Services are scaled down and up, a host is drained, and agents are killed and started again: every request has
        its answer.
        """
        with self.client() as client:
            for instances in (1, 3):
                self.scale(instances)
                self.assertEqual(({}, instances), (client.take().lost, instances))
            self.cluster.command("drain", "host2", "-wait", "-timeout", "90")
            for service in SERVICES:
                self.cluster.until_settled(service, 3)
            self.assertEqual({}, client.take().lost)
            self.cluster.command("uncordon", "host2")
            for host in self.cluster.hosts:
                host.kill(AGENT)
            self.cluster.start_missing()
            self.cluster.until_well()
            self.scale(1)
            self.assertEqual({}, client.take().lost)
