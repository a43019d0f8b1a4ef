"""The check by which each container is judged: that of its own definition, as it was seen, or a label states it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.targets import targets
from daprdockr.model.host import ContainerState
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.revisioned import Service
from daprdockr.model.wanted.health import Health
from tests.build.situations import container
from tests.build.values import KEYS, WEB, definition
from tests.fakes.agents import MemoryCluster


def checked(image: str, path: str) -> Any:
    return definition(image, Health={"Type": "http", "Port": "8080", "Path": path})


class OwnChecksTests(SynchronousTestCase):
    """An agent with one instance of web:1, whose path is ``/v1``."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agent = self.cluster.add("a")
        self.agent.docker.add_image("web:1")
        self.cluster.define(checked("web:1", "/v1"))
        self.cluster.advance(1)

    @property
    def found(self) -> Mapping[str, Health]:
        return self.agent.gather.on_host.checks.of(WEB)

    def paths(self) -> list[str]:
        return [one.path for one in self.found.values()]

    def test_changed_together(self) -> None:
        """A container of the former definition keeps the check that was in force last before that changed."""
        self.assertEqual(self.paths(), ["/v1"])
        self.cluster.define(checked("web:1", "/v1-mended"))
        self.cluster.advance(1)
        self.cluster.define(checked("web:2", "/v2"))
        self.cluster.advance(1)
        self.assertEqual(self.paths(), ["/v1-mended"])

    def test_new_agent(self) -> None:
        """An agent that begins meanwhile takes the check that the label states."""
        self.cluster.define(checked("web:2", "/v2"))
        self.cluster.advance(1)
        self.cluster.stop(self.agent)
        self.agent = self.cluster.succeed(self.agent)
        self.cluster.advance(1)
        self.assertEqual(self.paths(), ["/v1"])

    def test_gone(self) -> None:
        """Nothing is remembered of a container that is gone."""
        self.cluster.store.commit([], [Delete(KEYS.service(WEB))])
        self.cluster.advance(30)
        self.assertEqual((self.agent.running, self.found), ([], {}))

    def test_unreadable(self) -> None:
        """A label that cannot be read, or an older agent that wrote none, leaves the present check."""
        self.cluster.define(checked("web:2", "/v2"))
        self.cluster.advance(0.1)
        (known,) = self.agent.host.containers.of(WEB)[1]
        for text in ("", "{", '{"Type":"new"}'):
            self.agent.host.containers.update(evolve(known, id="c9", check=text))
            self.agent.since.observe(WEB, 1.0)
            self.assertNotIn("c9", self.found)


class TargetsTests(SynchronousTestCase):
    """``targets`` with the checks of containers of another definition."""

    def path(self, one: ContainerState, checks: Mapping[str, Health]) -> str:
        service = Service(checked("web:2", "/v2"), 1, 1)
        (target,) = targets(service, {1: (one,)}, "10.0.0.1", checks=checks).values()
        return target.check.path

    def test_whose(self) -> None:
        """An old one is asked for its own path, a new one for the present one, and so is one of which none is known."""
        old, new = container(of=checked("web:1", "/v1")), container(of=checked("web:2", "/v2"))
        own = {old.id: checked("web:1", "/v1").check}
        self.assertEqual([self.path(old, own), self.path(new, own), self.path(old, {})], ["/v1", "/v2", "/v2"])

    def test_no_more_check(self) -> None:
        """One that has a check of its own is checked although the present definition has none."""
        old = container(of=checked("web:1", "/v1"))
        service = Service(definition("web:2"), 1, 1)
        self.assertEqual(targets(service, {1: (old,)}, "10.0.0.1"), {})
        found = targets(service, {1: (old,)}, "10.0.0.1", checks={old.id: checked("web:1", "/v1").check})
        self.assertEqual([one.check.path for one in found.values()], ["/v1"])
