"""Whole agents that roll a changed definition out: a few instances at a time, and never fewer healthy than wanted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import Image
from daprdockr.model.wanted.definition import Definition
from tests.build.values import HTTP, KEYS, WEB, definition, named
from tests.build.whole import TTL
from tests.fakes.agents import STEP, MemoryAgent, MemoryCluster

WANTED = 4

ROUNDS = 12


class Versions(dict[str, str]):
    """The results of health checks: a container has the path of its definition, by digest, and no other."""

    def __init__(self, agent: MemoryAgent, paths: Mapping[str, str]) -> None:
        self.agent, self.paths = agent, paths

    def get(self, container: str, default: object = None) -> Any:
        (of,) = (one.definition for one in self.agent.docker.states if one.id == container)
        return default if self.agent.looked[-1].check.path == self.paths[of] else "404"


class RolloutTests(SynchronousTestCase):
    """Nodes ``a`` and ``b`` with four instances of web:1."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.a, self.b = self.cluster.add("a"), self.cluster.add("b")
        for agent in (self.a, self.b):
            for image in ("web:2", "web:3"):
                agent.docker.add_image(image)
        self.cluster.define(self.wanted("web:1"))
        self.cluster.advance(3)
        self.most_slots, self.least_healthy, self.most_copies = 0, WANTED, 0
        self.ran: set[str] = set()

    def wanted(self, image: str, **members: Any) -> Definition:
        update = {"MinHealthy": 1, **members.pop("Update", {})}
        return definition(image, instances=WANTED, **{"Http": HTTP, "Update": update, **members})

    def advance(self, seconds: float) -> None:
        """Let time pass, and note the extremes."""
        for _ in range(round(seconds / STEP)):
            self.cluster.advance(STEP)
            slots = [e for e in self.cluster.store.list(KEYS.root).entries if e.key.startswith(KEYS.rollout(WEB))]
            running = [one for agent in self.cluster.agents for one in agent.running]
            ids = {one.id for one in running}
            healthy = [one for one in self.cluster.claims.values() if one.healthy and one.container in ids]
            self.most_slots = max(self.most_slots, len(slots))
            self.least_healthy = min(self.least_healthy, len(healthy))
            self.most_copies = max(self.most_copies, *Counter(one.instance for one in running).values())
            self.ran |= {one.definition for one in running}
        self.slots = len(slots)

    def assert_runs(self, wanted: Definition) -> None:
        running = [one for agent in self.cluster.agents for one in agent.running]
        self.assertEqual([one.definition for one in running], [wanted.digest] * WANTED)
        self.assertEqual({one.definition for one in self.cluster.claims.values()}, {wanted.digest})
        self.assertEqual(self.slots, 0)

    def test_one_at_a_time(self) -> None:
        """One instance follows the other, and each has a healthy copy at every moment."""
        self.cluster.define(self.wanted("web:2"))
        self.advance(10)
        self.assert_runs(self.wanted("web:2"))
        self.assertEqual((self.most_slots, self.least_healthy, self.most_copies), (1, WANTED, 2))

    def test_two_at_a_time(self) -> None:
        """With ``Parallelism`` of 2 so many are in transition."""
        wanted = self.wanted("web:2", Update={"Parallelism": 2})
        self.cluster.define(wanted)
        self.advance(7)
        self.assert_runs(wanted)
        self.assertEqual((self.most_slots, self.least_healthy), (2, WANTED))

    def test_stop_first(self) -> None:
        """Where one copy may run at a time, one instance at most is not healthy."""
        wanted = self.wanted("web:2", Update={"Order": "stop-first"})
        self.cluster.define(wanted)
        self.advance(12)
        self.assert_runs(wanted)
        self.assertEqual((self.most_slots, self.least_healthy, self.most_copies), (1, WANTED - 1, 1))

    def test_superseded(self) -> None:
        """A newer definition takes over at any moment of a rollout."""
        for seconds in (0.5, 1.3, 3):
            self.cluster.define(self.wanted("web:2"))
            self.advance(seconds)
            self.cluster.define(self.wanted("web:3"))
            self.advance(12)
            self.assert_runs(self.wanted("web:3"))
            self.assertEqual((self.most_slots, self.least_healthy), (1, WANTED))

    def test_check_changes_too(self) -> None:
        """If the new program has another health check the old ones are judged by theirs, and so at a new agent."""
        paths = {self.wanted(image).digest: f"/{image}" for image in ("web:1", "web:2", "web:3")}
        for agent in (self.a, self.b):
            agent.unhealthy = Versions(agent, paths)
        for image in ("web:1", "web:2", "web:3"):
            checked = {"Type": "http", "Port": "8080", "Path": f"/{image}", "Interval": 0.5, "Retries": 2}
            wanted = self.wanted(image, Health=checked)
            self.cluster.define(wanted)
            self.advance(2)
            if image == "web:3":
                self.cluster.stop(self.b)
                self.b = self.cluster.succeed(self.b)
                self.b.unhealthy = Versions(self.b, paths)
            self.advance(12)
            self.assert_runs(wanted)
            self.assertEqual(self.least_healthy, WANTED)

    def test_another_port(self) -> None:
        """A port that changes together with the image: each container is led to by the port of its own definition."""
        self.cluster.define(self.wanted("web:2", Http={**HTTP, "ContainerPort": "9090"}))
        seen = set()
        for _ in range(round(15 / STEP)):
            self.advance(STEP)
            assert self.a.routing is not None
            led_to = sorted(upstream.port for upstream in self.a.routing.routes[0].upstreams)
            self.assertEqual(led_to, self.published(8080, 9090))
            seen.add(len(self.published(8080)))
        self.assertEqual(seen, set(range(WANTED + 1)))

    def published(self, *container_ports: int) -> list[int]:
        """The host ports of the containers to which claims lead, for whichever of these ports they publish."""
        healthy = [claim.record for claim in self.a.cluster.claims(WEB).values() if claim.record.healthy]
        return sorted(port.host for record in healthy for port in record.ports if port.container in container_ports)

    def test_restarted(self) -> None:
        """A restart gives all instances one image, though the tag moves between the pulls of two nodes."""
        first, second = (Image(id=one) for one in ("first", "second"))
        for agent, image in ((self.a, first), (self.b, second)):
            for one in (first, second):
                agent.docker.publish("web:1", one)
            agent.docker.publish("web:1", image)
        self.cluster.define(self.wanted("web:1", Restarted="now"))
        self.advance(15)
        present = self.a.cluster.services[WEB].definition
        self.assertIn(present.image, {f"web@{agent.docker.registry['web:1'].digest}" for agent in (self.a, self.b)})
        self.assert_runs(present)
        bodies = [agent.docker.body(one.id) for agent in (self.a, self.b) for one in agent.running]
        self.assertEqual({body["Image"] for body in bodies}, {present.image})
        self.assertEqual((self.most_slots, self.least_healthy), (1, WANTED))
        self.cluster.define(evolve(present, instances=WANTED + 1))
        self.cluster.advance(3)
        self.assertEqual({one.definition for one in self.cluster.claims.values()}, {present.digest})

    def test_restarted_together(self) -> None:
        """Of two services with one image that no registry has, each node tries to pull it once for each restart."""
        worker = named("worker", WANTED, "web:1", Update={"MinHealthy": 1})
        self.cluster.define(worker)
        self.cluster.advance(3)
        self.cluster.define(self.wanted("web:1", Restarted="now"))
        self.cluster.define(evolve(worker, restarted="soon"))
        self.cluster.advance(25)
        self.assertEqual([agent.docker.calls["pull"] for agent in (self.a, self.b)], [2, 2])
        self.assertEqual(len({one.definition for one in self.cluster.claims.values()}), 2)

    def test_two_within_a_second(self) -> None:
        """Of two definitions that are stored at random moments within a second the last one runs, and no mixture."""
        chance = random.Random(13)
        made = {self.wanted("web:1").digest: ("web:1", "")}
        for number in range(ROUNDS):
            parallelism = chance.randint(1, 3)
            for seconds in (chance.randint(0, 20) * STEP, STEP):
                image, marked = f"web:{chance.randint(1, 3)}", f"N={len(made)}"
                wanted = self.wanted(image, Update={"Parallelism": parallelism}, Container={"Env": [marked]})
                made[wanted.digest] = image, marked
                self.cluster.define(wanted)
                self.advance(seconds)
            for _ in range(10):
                self.assert_unmixed(made)
                self.advance(1)
            self.assert_runs(wanted)
            self.assertEqual((number, self.least_healthy), (number, WANTED))
        self.assertLessEqual(self.most_slots, 3)

    def assert_unmixed(self, made: Mapping[str, tuple[str, str]]) -> None:
        """Each container is of one definition, in all its parts."""
        for agent in (self.a, self.b):
            for one in agent.running:
                body = agent.docker.body(one.id)
                marked = body["Env"][0] if len(body["Env"]) > 1 else ""
                self.assertEqual(made[one.definition], (body["Image"], marked))

    def test_new_one_never_healthy(self) -> None:
        """A container that does not come up stops the rollout there: all old ones go on serving."""
        self.cluster.define(self.wanted("web:2", Health={"Type": "docker"}))
        self.advance(10)
        running = Counter(one.definition for agent in self.cluster.agents for one in agent.running)
        self.assertEqual(running, {self.wanted("web:1").digest: WANTED, self.wanted("web:2").digest: 1})
        self.assertEqual(self.slots, 1)

    def never_healthy(self) -> None:
        """Begin a rollout that does not get beyond its first instance."""
        self.cluster.define(self.wanted("web:2", Health={"Type": "docker"}))
        self.advance(5)

    def assert_stands(self) -> None:
        """One instance has a new container, and all have their former one."""
        running = Counter(one.definition for agent in self.cluster.agents for one in agent.running)
        self.assertEqual(running, {self.wanted("web:1").digest: WANTED, self.wanted("web:2").digest: 1})
        self.assertEqual(self.slots, 1)

    def kill_former(self, agent: MemoryAgent) -> None:
        for one in agent.running:
            if one.definition == self.wanted("web:1").digest:
                agent.docker.crash(one.id, exit_code=137)

    def test_former_ones_die(self) -> None:
        """Former containers that die in a rollout are started again: none goes over to an unproven one by that."""
        self.never_healthy()
        for _ in range(2):
            for agent in (self.a, self.b):
                self.kill_former(agent)
            self.advance(12)
            self.assert_stands()

    def test_former_ones_end_with_their_host(self) -> None:
        """After the reboot of its host, within the lease, a former container is started again."""
        self.never_healthy()
        for agent in (self.a, self.b):
            self.cluster.crash(agent)
            for one in agent.running:
                agent.docker.crash(one.id, exit_code=137)
        self.cluster.advance(1)
        self.a, self.b = self.cluster.succeed(self.a), self.cluster.succeed(self.b)
        self.advance(15)
        self.assert_stands()

    def test_former_one_fails(self) -> None:
        """A former container that goes on failing gives way to the present definition, which may be the remedy."""
        former = [(agent, one.id) for agent in (self.a, self.b) for one in agent.running]
        self.cluster.define(self.wanted("web:2", Update={"MinHealthy": 60, "Deadline": 300}))
        for _ in range(20):
            for agent, container in former:
                if any(one.id == container for one in agent.running):
                    agent.docker.crash(container)
            self.advance(1)
        running = Counter(one.definition for agent in self.cluster.agents for one in agent.running)
        self.assertEqual(running, {self.wanted("web:2").digest: WANTED})

    def test_holder_dies(self) -> None:
        """The slot of a node that is gone is free with its lease, and the others go on."""
        self.cluster.define(self.wanted("web:2"))
        self.advance(1)
        (slot,) = self.a.cluster.slots(WEB).values()
        self.cluster.crash({"a": self.a, "b": self.b}[slot.record.node])
        self.advance(TTL + 15)
        self.assert_runs(self.wanted("web:2"))
        self.assertEqual(self.most_slots, 1)
