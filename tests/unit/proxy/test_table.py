"""The table of routes in nginx, over a socket in memory."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import execute, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import ProxyError
from daprdockr.model.names import ServiceName
from daprdockr.proxy.files import ProxyFiles
from daprdockr.proxy.message import DoorState, difference, door_state, whole
from daprdockr.proxy.routes import Route
from daprdockr.proxy.table import DoorTable, Messages

WEB = ServiceName(group="shop", service="web")


@define
class MemoryDoor:
    """nginx's side, as ``lua/door/control.lua`` has it: ``holds`` is a version; ``messages`` were taken over."""

    holds: int = 0
    answers: bool = True
    before_answer: Callable[[], None] = lambda: None
    before_taking: Callable[[], None] = lambda: None
    messages: list[dict[str, Any]] = field(factory=list)

    async def version(self) -> int:
        self._answer()
        return self.holds

    async def send(self, message: bytes) -> bool:
        self._answer()
        said = json.loads(message)
        self.before_taking()
        is_taken: bool = said["version"] > self.holds if said.get("whole") else said["from"] == self.holds
        if is_taken:
            self.messages.append(said)
            self.holds = said["version"]
        self.before_answer()
        return is_taken

    def _answer(self) -> None:
        if not self.answers:
            raise ProxyError("nginx did not take the routes: no answer")


class DoorTableTests(SynchronousTestCase):
    """``DoorTable`` in a directory of its own."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.files = ProxyFiles(Path(self.mktemp()))
        self.files.prepare()
        self.nginx = MemoryDoor()
        self.unanswered = 0
        self.sure = True
        self.full = False
        self.table = DoorTable(
            socket=self.nginx,
            files=self.files,
            messages=Messages(whole, difference, "HTTP routes"),
            reactor=self.clock,
            run=self.run_now,
            unanswered=self.count,
            is_sure=lambda: self.sure,
        )
        self.addCleanup(self.table.stop)

    def run_now(self, call: Any, *arguments: Any) -> Any:
        if self.full:
            return execute(self.fail_to_write)
        return execute(call, *arguments)

    def fail_to_write(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def count(self) -> None:
        self.unanswered += 1

    def want(self, *names: str) -> None:
        self.table.want(door_state([Route(name, WEB, ()) for name in names]))
        self.clock.advance(0)

    def test_first_whole_then_differences(self) -> None:
        """The first message is the whole state; the next ones hold what is other."""
        self.table.start()
        self.want("a.com")
        self.want("a.com", "b.com")
        first, second = self.nginx.messages
        self.assertEqual([first["whole"], list(first["hosts"])], [True, ["a.com"]])
        self.assertEqual([second["from"], second["version"], list(second["hosts"])], [1, 2, ["b.com"]])
        self.assertEqual((self.table.changes, self.table.version, self.table.reason), (2, 2, ""))

    def test_kept_in_a_thread(self) -> None:
        """The text of all routes for the disk is made in the thread that writes it, not in the reactor's."""
        waiting: list[Callable[[], object]] = []
        made: list[int] = []

        def recorded(state: DoorState, version: int) -> bytes:
            made.append(version)
            return whole(state, version)

        def run(call: Any, *arguments: Any) -> Any:
            waiting.append(call)
            return succeed(None)

        table = DoorTable(
            socket=self.nginx,
            files=self.files,
            messages=Messages(recorded, difference, "HTTP routes"),
            reactor=self.clock,
            run=run,
            unanswered=self.count,
            is_sure=lambda: True,
        )
        self.addCleanup(table.stop)
        table.start()
        table.want(door_state([Route("a.com", WEB, ())]))
        self.clock.advance(0)
        self.clock.advance(0)
        self.assertEqual((made, len(waiting)), ([1], 1))
        waiting[0]()
        self.assertEqual(list(json.loads(self.files.routes.read_bytes())["hosts"]), ["a.com"])

    def test_reached(self) -> None:
        """A revision is reached when nginx has its routes, or those that it has are still wanted."""
        self.table.start()
        self.assertEqual(self.table.reached, 0)
        self.table.want(door_state([Route("a.com", WEB, ())]), revision=5)
        self.assertEqual(self.table.reached, 0)
        self.clock.advance(0)
        self.assertEqual(self.table.reached, None)
        self.nginx.answers = False
        self.table.want(door_state([Route("b.com", WEB, ())]), revision=6)
        self.clock.advance(0)
        self.assertEqual(self.table.reached, 5)
        self.table.begin_again()
        self.assertEqual(self.table.reached, 0)
        self.nginx.answers = True
        self.clock.advance(2)
        self.assertEqual(self.table.reached, None)

    def test_reached_is_reported(self) -> None:
        """Those who wait for it learn of it when it is true."""
        seen: list[int | None] = []
        self.table.in_force.subscribe(lambda: seen.append(self.table.reached))
        self.table.start()
        self.want("a.com")
        self.assertEqual(seen, [None])

    def test_before_the_start(self) -> None:
        """Routes from before the start are given when it starts, and only the last of them."""
        self.want("a.com")
        self.want("b.com")
        self.assertEqual(self.nginx.messages, [])
        self.table.start()
        self.clock.advance(0)
        self.assertEqual([list(one["hosts"]) for one in self.nginx.messages], [["b.com"]])

    def test_another_version(self) -> None:
        """Where nginx holds a version that somebody else wrote, the whole state is sent."""
        self.table.start()
        self.want("a.com")
        self.nginx.holds = 41
        self.want("b.com")
        last = self.nginx.messages[-1]
        self.assertEqual([last["whole"], last["version"], list(last["hosts"])], [True, 42, ["b.com"]])

    def test_late_message(self) -> None:
        """Where nginx takes a late message over, and so refuses the next one, that is sent once more."""

        def take_late_one() -> None:
            self.nginx.holds += 1
            self.nginx.before_taking = lambda: None

        self.table.start()
        for number, names in enumerate([("a.com",), ("a.com", "b.com")], 1):
            self.nginx.before_taking = take_late_one
            self.want(*names)
            self.clock.advance(1)
            self.assertEqual((self.table.version, self.table.reached, self.table.reason), (2 * number, None, ""))
            self.assertEqual(list(self.nginx.messages[-1]["hosts"]), list(names))

    def test_no_answer(self) -> None:
        """It is tried until nginx answers, its supervisor is notified each time, and then the whole state is sent."""
        self.table.start()
        self.want("a.com")
        self.nginx.answers = False
        self.want("b.com")
        self.clock.pump([0.05] * 20)
        self.assertGreater(self.unanswered, 2)
        self.assertIn("no answer", self.table.reason)
        self.nginx.answers = True
        self.clock.pump([0.1] * 11)
        self.assertEqual((self.table.reason, self.nginx.messages[-1]["whole"]), ("", True))

    def test_starts_anew(self) -> None:
        """An nginx that is started anew and does not answer yet is no fault of it."""
        self.table.start()
        self.want("a.com")
        self.nginx.answers, self.nginx.holds = False, 0
        self.table.begin_again()
        self.clock.pump([0.1] * 20)
        self.assertEqual(self.unanswered, 0)
        self.nginx.answers = True
        self.clock.pump([0.1] * 20)
        self.nginx.answers = False
        self.want("b.com")
        self.assertEqual((self.nginx.messages[-1]["whole"], self.unanswered), (True, 1))

    def test_started_anew(self) -> None:
        """An nginx that was started anew is given the whole state though nothing changed."""
        self.table.start()
        self.want("a.com")
        self.nginx.holds = 0
        self.table.begin_again()
        self.clock.advance(1)
        self.assertEqual([one["whole"] for one in self.nginx.messages], [True, True])

    def test_started_anew_before_the_answer(self) -> None:
        """The answer of an nginx that ended meanwhile says nothing of the next one, which is given the whole state."""
        self.table.start()
        self.nginx.before_answer = self.restart
        self.want("a.com")
        self.assertEqual((self.nginx.holds, self.table.reached), (0, 0))
        self.clock.advance(1)
        self.assertEqual([one["whole"] for one in self.nginx.messages], [True, True])
        self.assertEqual((self.nginx.holds, self.table.reached), (1, None))

    def restart(self) -> None:
        self.nginx.before_answer = lambda: None
        self.nginx.holds = 0
        self.table.begin_again()

    def test_earlier_agent(self) -> None:
        """An earlier agent's routes stay in nginx until this agent is in touch with etcd; from then on its own do."""
        self.sure, self.nginx.holds = False, 7
        self.table.start()
        self.want("a.com")
        self.table.confirm()
        self.clock.advance(1)
        self.assertEqual((self.nginx.messages, self.table.reason), ([], ""))
        self.sure = True
        self.table.confirm()
        self.clock.advance(1)
        self.assertEqual([one["version"] for one in self.nginx.messages], [8])
        self.sure = False
        self.want("b.com")
        self.assertEqual([set(one["hosts"]) for one in self.nginx.messages], [{"a.com"}, {"a.com", "b.com"}])

    def test_unsure_and_none(self) -> None:
        """An nginx without routes gets those that are known, whether they are sure or not."""
        self.sure = False
        self.table.start()
        self.want("a.com")
        self.assertEqual([list(one["hosts"]) for one in self.nginx.messages], [["a.com"]])

    def test_kept(self) -> None:
        """The routes that nginx has are written for the next agent, at most once a second."""
        self.table.start()
        for name in ("a.com", "b.com", "c.com"):
            self.want(name)
        self.clock.advance(2)
        kept = json.loads(self.files.routes.read_bytes())
        self.assertEqual([kept["version"], list(kept["hosts"])], [0, ["c.com"]])

    def test_full_disk(self) -> None:
        """A disk without room delays no route; the reason is known, and the routes are written when there is room."""
        self.full = True
        self.table.start()
        self.want("a.com")
        self.want("b.com")
        self.assertEqual((self.table.version, list(self.nginx.messages[-1]["hosts"])), (2, ["a.com", "b.com"]))
        self.assertIn("No space left on device", self.table.reason)
        self.full = False
        self.clock.pump([1] * 12)
        self.assertEqual(
            (self.table.reason, list(json.loads(self.files.routes.read_bytes())["hosts"])), ("", ["b.com"])
        )
