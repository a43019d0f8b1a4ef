"""Whole agents with files for containers: what a change replaces, and what it only signals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.names import ServiceName
from daprdockr.picture.instances import unmet
from tests.build.values import definition, named
from tests.fakes.agents import MemoryAgent, MemoryCluster
from tests.fakes.command_line import LentStore, Outcome, command_line

UPDATE = {"MinHealthy": 0, "Drain": 0}


class FilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.cluster.store = LentStore()
        self.a = self.cluster.add("a")
        self.set_file(b"old")

    def set_file(self, content: bytes) -> None:
        self.assertEqual(self.command("file", "set", "x", stdin=content).status, 0)

    def command(self, *words: str, stdin: bytes = b"") -> Outcome:
        return command_line(self.cluster.store, *words, stdin=stdin)

    def using(self, service: str, **more: Any) -> None:
        """Define a service that uses the file."""
        files = [{"Name": "x", "Target": "/x", **more}]
        self.cluster.define(named(service, 1, Files=files, Update=UPDATE))

    @property
    def ids(self) -> dict[str, str]:
        """The containers that run, by service."""
        return {one.instance.service.service: one.id for one in self.a.running}

    def content(self, container: str, agent: MemoryAgent | None = None) -> bytes:
        """The content of the file that a container has mounted."""
        (mount,) = (agent or self.a).docker.made_of[container]["HostConfig"]["Mounts"]
        return Path(mount["Source"]).read_bytes()

    def test_changed(self) -> None:
        """
        A changed file replaces the containers of the service that uses it, and signals that of the service that asks
        for a signal; a service that does not use it is left alone.
        """
        self.using("rolled")
        self.using("signalled", OnChange="HUP")
        self.cluster.define(named("plain", 1))
        self.cluster.advance(10)
        before = self.ids
        self.assertEqual([self.content(before[name]) for name in ("rolled", "signalled")], [b"old", b"old"])
        self.set_file(b"new")
        self.cluster.advance(20)
        after = self.ids
        self.assertEqual({name for name in before if before[name] != after[name]}, {"rolled"})
        self.assertEqual([self.content(after[name]) for name in ("rolled", "signalled")], [b"new", b"new"])
        self.assertEqual(self.a.docker.signals, [(after["signalled"], "SIGHUP")])

    def lacks(self, service: str) -> list[str]:
        """Return what ``wait`` waits for."""
        return [lack for _, lack in unmet(self.a.cluster, ServiceName("myapp", service))]

    def test_waited_for(self) -> None:
        """A changed content is waited for until the container got the signal, also after the agent was replaced."""
        self.using("signalled", OnChange="HUP")
        self.cluster.advance(10)
        self.assertEqual(self.lacks("signalled"), [])
        self.a.docker.unavailable = True
        self.set_file(b"new")
        self.cluster.advance(5)
        self.assertEqual(self.lacks("signalled"), ["without the signal for a changed content on a"])
        self.a.docker.unavailable = False
        self.cluster.advance(60)
        self.assertEqual((self.lacks("signalled"), len(self.a.docker.signals)), ([], 1))
        self.cluster.crash(self.a)
        self.a = self.cluster.succeed(self.a)
        self.cluster.advance(20)
        self.assertEqual((self.lacks("signalled"), len(self.a.docker.signals)), ([], 1))

    def test_new_agent(self) -> None:
        """An agent that begins anew signals a change that its predecessor did not see, and no other one."""
        self.using("signalled", OnChange="HUP")
        self.cluster.advance(10)
        self.set_file(b"two")
        self.cluster.advance(5)
        (container,) = self.ids.values()
        for content, signals in ((None, 1), (b"three", 2)):
            self.cluster.crash(self.a)
            if content is not None:
                self.set_file(content)
            self.a = self.cluster.succeed(self.a)
            self.cluster.advance(20)
            self.assertEqual((list(self.ids.values()), len(self.a.docker.signals)), ([container], signals))
        self.assertEqual(self.content(container), b"three")

    def test_missing(self) -> None:
        """A file that is not set holds the start back, and ``why`` says so; one that is deleted stops nothing."""
        self.cluster.define(definition(instances=1, Files=[{"Name": "y", "Target": "/y"}]))
        self.cluster.advance(10)
        self.assertEqual(self.ids, {})
        said = self.command("why", "web.myapp").stdout
        self.assertIn("file y is not set: daprdockrcmd file set y", said)
        self.assertIn("set it: daprdockrcmd file set y FILE", said)
        self.command("file", "set", "y", stdin=b"there")
        self.cluster.advance(10)
        before = self.ids
        self.assertEqual(self.content(before["web"]), b"there")
        self.command("file", "rm", "y", "-yes")
        self.cluster.advance(20)
        self.assertEqual(self.ids, before)
        self.assertIn("file y is not set", self.command("status").stdout)
        self.command("file", "set", "y", stdin=b"there")
        self.cluster.advance(20)
        self.assertEqual(self.ids, before)

    def test_stated(self) -> None:
        """A content that the definition states is delivered without any key, and another one with a signal alone."""
        for content in ("one", "two"):
            files = [{"Content": content, "Target": "/c", "OnChange": "HUP"}]
            self.cluster.define(definition(instances=1, Files=files, Update=UPDATE))
            self.cluster.advance(10)
            self.assertEqual(self.content(self.ids["web"]), content.encode())
        self.assertEqual(self.a.docker.signals, [(self.ids["web"], "SIGHUP")])
        self.assertEqual(len(self.a.docker.made_of), 1)

    def test_moved(self) -> None:
        """A node needs no key for files, and each has its own copy."""
        b = self.cluster.add("b")
        self.cluster.define(definition(instances=4, Files=[{"Name": "x", "Target": "/x"}]))
        self.cluster.advance(10)
        self.assertEqual(len(self.a.running), 2)
        for agent in (self.a, b):
            self.assertEqual({self.content(one.id, agent) for one in agent.running}, {b"old"})
