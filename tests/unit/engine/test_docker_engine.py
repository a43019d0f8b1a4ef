"""The adapter's manners on the wire, seen by a scripted Engine behind a real Unix socket."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection
from typing import Any

from requests import Timeout
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher

from daprdockr.engine.answers import container_state
from daprdockr.engine.clients import EngineClients
from daprdockr.engine.inspected import BROKEN_SECONDS, InspectedContainers
from daprdockr.engine.left import LEFT_SECONDS, LeftTasks
from daprdockr.engine.visible import VisibleContainers
from daprdockr.model.errors import (
    ContainerAbsent,
    EngineFailed,
    EngineRefused,
    EngineSilent,
    EngineUnavailable,
    PullFailed,
)
from daprdockr.model.host import ContainerState, Executed, Status
from tests.build.adapter import AdapterCase
from tests.fakes.scripted_engine import event, inspected, summary


class LockingContainers(VisibleContainers):
    """The Engine does not answer inspections of ``locked`` containers, for each of which ``wait`` is called."""

    locked: Collection[str] = ()
    wait: Callable[[], None]

    def inspect(self, container: str) -> ContainerState | None:
        if container in self.locked:
            self.wait()
            raise EngineSilent(f"the Docker Engine did not answer when asked to inspect container {container}")
        return super().inspect(container)


class ListTests(AdapterCase):
    """``containers``: see Note [What a list need not ask again]."""

    def test_inspects_what_changed(self) -> None:
        """A second list is one request, and one more for each container that changed."""
        self.hold("a", "b")
        first = ["/version", "/containers/json", "/containers/a/json", "/containers/b/json"]
        self.assertEqual(self.listing(), first)
        self.assertEqual(self.listing(), ["/containers/json"])
        changed = [summary("a"), summary("b", "Up 2 seconds (healthy)")]
        self.server.answers["/containers/json"] = (200, changed)
        self.assertEqual(self.listing(), ["/containers/json", "/containers/b/json"])

    def test_told_by_an_event(self) -> None:
        """A container that an event named is inspected again, though the list shows no difference."""
        self.hold("a", "b")
        self.server.answers["/events"] = (200, event("start", "b"))
        stream = self.engine.events()
        self.engine.containers()
        self.assertEqual(list(stream), [("start", "b")])
        self.assertEqual(self.listing()[-1:], ["/containers/b/json"])

    def test_event_of_an_old_engine(self) -> None:
        """An Engine before API 1.52 names the container a second time, which changes nothing."""
        self.server.answers["/events"] = (200, {**event("die", "b"), "status": "die", "id": "b", "from": "web:1"})
        self.assertEqual(list(self.engine.events()), [("die", "b")])

    def test_told_during_an_inspection(self) -> None:
        """An inspection is not kept if an event came, or a new stream began, before it returned."""
        old, new = (container_state({**inspected("a"), "Name": name}) for name in ("/old", "/new"))
        kept = InspectedContainers()
        for told in (lambda: kept.forget("a"), kept.forget_all):
            kept.keep(())
            found: list[ContainerState] = []

            def inspect(container: str, told: Callable[[], None] = told, found: list[ContainerState] = found) -> Any:
                found.append(new if found else old)
                if len(found) == 1:
                    told()
                return found[-1]

            self.assertEqual([kept.state(summary("a"), inspect) for _ in range(3)], [old, new, new])
            self.assertEqual(found, [old, new])

    def test_new_stream(self) -> None:
        """A new event stream makes the next list inspect everything, for nobody reported what happened before."""
        self.hold("a")
        self.engine.containers()
        self.server.answers["/events"] = (200, event("start", "other"))
        self.engine.events().close()
        self.assertIn("/containers/a/json", self.listing())

    def test_vanished_meanwhile(self) -> None:
        """A container that vanishes between the list and its inspection is left out."""
        self.hold("a", "b")
        del self.server.answers["/containers/a/json"]
        self.assertEqual([state.id for state in self.engine.containers()], ["b"])

    def test_broken(self) -> None:
        """A container that ended, and whose inspection fails for long, does not hide the others; one that runs does."""
        self.hold("a", "b")
        lost = "RWLayer of container a is unexpectedly nil"
        self.server.answers["/containers/a/json"] = (500, {"message": lost})
        self.server.answers["/containers/json"] = (200, [{**summary("a"), "State": "exited"}, summary("b")])
        self.assertIn(lost, str(self.assertRaises(EngineFailed, self.engine.containers)))
        self.now += BROKEN_SECONDS
        self.assertEqual([state.id for state in self.engine.containers()], ["b"])
        self.hold("a", "b")
        self.server.answers["/containers/a/json"] = (500, {"message": lost})
        self.assertRaises(EngineFailed, self.engine.containers)
        self.hold("a", "b")
        self.assertEqual([state.id for state in self.engine.containers()], ["a", "b"])

    def locking(self, *states: str) -> LockingContainers:
        """The containers ``a``, ``b`` and so on in these states; each silence takes a minute."""
        clients = EngineClients(f"unix://{self.directory}/s", 20)
        self.addCleanup(clients.close)
        containers = LockingContainers(clients, "n1", left=LeftTasks(self.clock), clock=self.clock)
        containers.wait = self.minute
        names = "abcdef"[: len(states)]
        self.hold(*names)
        found = [{**summary(name), "State": state} for name, state in zip(names, states, strict=True)]
        self.server.answers["/containers/json"] = (200, found)
        return containers

    def minute(self) -> None:
        self.now += 60.0

    def ids(self, containers: VisibleContainers) -> list[str]:
        return [state.id for state in containers.list()]

    def test_locked(self) -> None:
        """A container that a start without an end keeps from being inspected does not hide the others."""
        containers = self.locking("created", "running")
        containers.locked = {"a"}
        self.assertEqual(self.ids(containers), ["b"])
        containers.locked = ()
        self.assertEqual(self.ids(containers), ["a", "b"])

    def test_locked_while_it_runs(self) -> None:
        """One that runs is as it was before; if that is not known, the list fails."""
        containers = self.locking("running", "running")
        containers.locked = {"a"}
        self.assertRaises(EngineSilent, containers.list)
        containers.locked = ()
        before = containers.list()
        containers.forget("a")
        containers.locked = {"a"}
        self.assertEqual(containers.list(), before)

    def test_locked_together(self) -> None:
        """Of several a list waits for one that it does not know yet, and for one more."""
        containers = self.locking("created", "created", "created", "running")
        containers.locked = {"a", "b", "c"}
        for minutes, found in ((2, None), (4, None), (5, ["d"]), (6, ["d"])):
            if found is None:
                self.assertRaises(EngineSilent, containers.list)
            else:
                self.assertEqual(self.ids(containers), found)
            self.assertEqual(self.now, 60.0 * minutes)

    def test_unreadable_told_once(self) -> None:
        """A container with an unreadable label is logged the first time only, also when it is inspected."""
        observer = EventLoggingObserver()
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.hold("a")
        self.server.answers["/containers/a/json"] = (200, inspected("a", instance="nonsense"))
        for _ in range(3):
            self.assertEqual(list(self.engine.containers()), [])
            self.assertIsNone(self.engine.inspect("a"))
        self.assertEqual([event["container"] for event in observer], ["a"])


class PullTests(AdapterCase):
    """``pull``."""

    def credentials(self, user: str) -> None:
        auth = base64.b64encode(f"{user}:secret".encode()).decode()
        configuration = {"auths": {"registry.invalid": {"auth": auth}}}
        (self.directory / "config.json").write_text(json.dumps(configuration))

    def test_credentials(self) -> None:
        """A pull shows the registry's credentials from Docker's configuration file, as the file is by then."""
        self.server.answers["/images/create"] = (200, {"status": "done"})
        for user in ("ann", "bob"):
            self.credentials(user)
            self.engine.pull("registry.invalid/team/web:1")
            shown = json.loads(base64.urlsafe_b64decode(self.server.asked[-1].headers["X-Registry-Auth"]))
            self.assertEqual((shown["username"], shown["password"]), (user, "secret"))

    def test_other_registry(self) -> None:
        """Another registry does not get them."""
        self.credentials("ann")
        self.server.answers["/images/create"] = (200, {"status": "done"})
        self.engine.pull("other.invalid/web:1")
        self.assertNotIn("X-Registry-Auth", self.server.asked[-1].headers)

    def test_latest(self) -> None:
        """An image without a tag is pulled as ``latest``, not as all its tags."""
        self.server.answers["/images/create"] = (200, {"status": "done"})
        self.engine.pull("web")
        self.assertIn("tag=latest", self.server.asked[-1].address)

    def test_error_in_stream(self) -> None:
        """An error among the progress lines fails the pull in the registry's words, of an old Engine or a new one."""
        for member in (b'"error": %s', b'"errorDetail": {"message": %s}'):
            lines = b'{"status": "Pulling"}\r\n{%s}\r\n' % (member % b'"toomanyrequests: slow down"')
            self.server.answers["/images/create"] = (200, lines)
            with self.assertRaises(PullFailed) as caught:
                self.engine.pull("web:1")
            self.assertIn("toomanyrequests: slow down", str(caught.exception))

    def test_silence(self) -> None:
        """A stream for which docker-py sets no time limit ends when it says nothing for longer than ours."""
        self.server.silent.add("/images/create")
        clients = EngineClients(f"unix://{self.directory}/s", timeout=20)
        self.addCleanup(clients.close)
        with self.assertRaises(Timeout):
            clients.fresh(silence=0.05).pull("web:1", stream=True)

    def test_too_long(self) -> None:
        """A pull that goes on past its time fails."""
        self.server.answers["/images/create"] = (200, b'{"status": "Downloading"}\r\n' * 3)
        self.pace = 31.0
        with self.assertRaises(PullFailed) as caught:
            self.engine.pull("web:1")
        self.assertIn("within 60 s", str(caught.exception))


class EndingTests(AdapterCase):
    """``stop`` and ``remove``."""

    def test_stop_that_succeeded_otherwise(self) -> None:
        """A stop that fails on a container which does not run any more has done its work."""
        self.server.answers["/containers/a/stop"] = (500, {"message": "cannot stop container: a"})
        stopped = {**inspected("a"), "State": {"Status": "exited", "Running": False}}
        self.server.answers["/containers/a/json"] = (200, stopped)
        self.engine.stop("a", 1)

    def test_stop_that_failed(self) -> None:
        """A stop that fails on a container which still runs has failed."""
        self.server.answers["/containers/a/stop"] = (500, {"message": "cannot stop container: a"})
        self.server.answers["/containers/a/json"] = (200, inspected("a"))
        with self.assertRaises(EngineRefused):
            self.engine.stop("a", 1)

    def test_removed_by_another(self) -> None:
        """A container that somebody else is removing counts as removed; any other conflict does not."""
        self.server.answers["/containers/a"] = (409, {"message": "removal of container a is already in progress"})
        self.engine.remove("a")
        self.server.answers["/containers/a"] = (409, {"message": "driver is busy"})
        with self.assertRaises(EngineRefused):
            self.engine.remove("a")

    def test_gone_while_started(self) -> None:
        """A container that vanishes right after its start is reported as gone."""
        self.server.answers["/containers/a/start"] = (204, b"")
        with self.assertRaises(ContainerAbsent):
            self.engine.start("a")

    def test_shares_network_of_the_absent(self) -> None:
        """A body that names a container which is gone is refused; it is not the new container that is gone."""
        self.server.answers["/containers/create"] = (404, {"message": "No such container: gone"})
        with self.assertRaises(EngineRefused):
            self.engine.create("a", {"Image": "web:1", "HostConfig": {"NetworkMode": "container:gone"}})


class ExecutionTests(AdapterCase):
    """``execute``."""

    def test_output_with_the_head(self) -> None:
        """Output of a quick command that comes in one piece with the head of the answer is not lost."""
        frames = b"".join(b"\1\0\0\0" + len(text).to_bytes(4, "big") + text for text in (b"one ", b"two"))
        for kept in (frames, b""):
            self.server.answers |= {
                "/containers/c/exec": (201, {"Id": "e"}),
                "/exec/e/start": (101, kept),
                "/exec/e/json": (200, {"ExitCode": 3, "Pid": 0, "ContainerID": "c"}),
            }
            expected = Executed(3, b"one two" if kept else b"")
            self.assertEqual(self.engine.execute("c", ["check"], 20.0), expected)


class LeftTaskTests(AdapterCase):
    """A container that containerd does not let go of."""

    def test_left(self) -> None:
        """While the Engine has just started it is asked again; after that the container is at fault."""
        reason = {"message": f"task {'a' * 64}: already exists: unknown"}
        self.server.answers["/containers/a/start"] = (500, reason)
        self.assertRaises(EngineUnavailable, self.engine.start, "a")
        self.now += LEFT_SECONDS - 1
        self.assertRaises(EngineUnavailable, self.engine.start, "a")
        self.now += 2
        self.assertRaises(EngineFailed, self.engine.start, "a")
        self.server.answers["/containers/a/json"] = (
            200,
            {**inspected("a"), "State": {"Status": "exited", "Running": False}},
        )
        found = self.engine.inspect("a")
        assert found is not None
        self.assertEqual((found.status, found.error), (Status.DEAD, "containerd does not let go of it"))
