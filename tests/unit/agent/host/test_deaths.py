"""The event and the reason of a container that ended by itself, or was stopped because it was unhealthy."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.containers import Containers
from daprdockr.agent.host.deaths import Deaths
from daprdockr.model.host import ContainerState, Status
from daprdockr.model.last_words import LastWords, how_it_ended
from daprdockr.model.names import ServiceName
from tests.build.situations import container
from tests.build.values import WEB, instance
from tests.fakes.failures import OpenFailures

FIRST = instance(1)


class DeathsTests(SynchronousTestCase):
    """``Deaths``, behind the containers that report them."""

    def setUp(self) -> None:
        clock = Clock()
        self.told: list[tuple[str, str, Sequence[str]]] = []
        self.changes: list[ServiceName] = []
        self.lines: tuple[str, ...] = ("begin", "no database")
        self.silent = False
        self.failures = OpenFailures(clock=clock.seconds, chance=lambda: 0.0)
        deaths = Deaths(
            last_words=self.last_words,
            failures=self.failures,
            record_event=lambda subject, text, lines=(): self.told.append((subject, text, lines)),
            on_changes=self.changes.extend,
        )
        self.containers = Containers(
            reactor=clock,
            failures=self.failures,
            on_changes=lambda services: None,
            on_cut_off=lambda network: None,
            wall=lambda: 0.0,
            on_death=deaths,
        )
        self.state = evolve(container(), started=1000.0)

    async def last_words(self, state: ContainerState) -> LastWords:
        return LastWords(how_it_ended(state), self.lines, self.silent)

    def crash(self, exit_code: int = 1, lived: float = 1.0) -> None:
        """It is started, and ends by itself."""
        self.state = evolve(self.state, status=Status.RUNNING, started=self.state.started + 100)
        self.containers.update(self.state)
        end = evolve(self.state, status=Status.EXITED, exit_code=exit_code, finished=self.state.started + lived)
        self.containers.update(end)

    @property
    def reason(self) -> str:
        return self.failures.attempts[FIRST].reason

    def test_event(self) -> None:
        """There is an event with its last lines, and the reason has the last one."""
        self.crash()
        self.assertEqual(
            self.told, [(str(FIRST), "its container ended: exit status 1: no database", ("begin", "no database"))]
        )
        self.assertEqual((self.reason, self.changes), ("exit status 1: no database", [WEB]))

    def test_crash_loop(self) -> None:
        """A crash loop is one event, and writes one reason, though the last line has a time in it."""
        for number in range(5):
            self.lines = (f"{number}: no database",)
            self.crash()
        self.assertEqual((len(self.told), self.reason, self.changes), (1, "exit status 1: 0: no database", [WEB]))

    def test_another_end(self) -> None:
        """One that ends in another way is news."""
        self.crash()
        self.crash(139)
        self.assertEqual(self.told[-1][1], "its container ended: segmentation fault: no database")
        self.assertEqual((len(self.told), self.reason), (2, "segmentation fault: no database"))

    def fail_check(self, reason: str = "nothing answers on port 8080") -> None:
        """It is started, and stopped because it is unhealthy."""
        self.state = evolve(self.state, status=Status.RUNNING, started=self.state.started + 100)
        self.containers.update(self.state)
        self.containers.stopping(self.state.id, reason)
        self.containers.update(evolve(self.state, status=Status.EXITED, exit_code=143, finished=self.state.started + 9))

    def test_unhealthy(self) -> None:
        """Each stop because a check failed is a failure; the first is an event with the last lines."""
        for _ in range(3):
            self.fail_check()
        text = "its container is restarted: nothing answers on port 8080"
        self.assertEqual(self.told, [(str(FIRST), text, ("begin", "no database"))])
        attempts = self.failures.attempts[FIRST]
        self.assertEqual(
            (attempts.count, attempts.starts, attempts.unhealthy, attempts.reason),
            (3, 0, True, "nothing answers on port 8080"),
        )

    def test_unhealthy_then_crash(self) -> None:
        """Its end after it was started anew is a death like any other, however short its life."""
        self.fail_check()
        again = evolve(self.state, status=Status.EXITED, exit_code=1, started=2000.0, finished=2000.01)
        self.containers.update(again)
        self.assertEqual(self.told[-1][1], "its container ended: exit status 1: no database")
        self.assertEqual((self.failures.attempts[FIRST].count, self.failures.attempts[FIRST].unhealthy), (2, False))

    def test_unhealthy_then_deleted(self) -> None:
        """One that is stopped for another reason in the end is no failure."""
        self.containers.update(self.state)
        self.containers.stopping(self.state.id, "nothing answers on port 8080")
        self.containers.stopping(self.state.id)
        self.containers.update(evolve(self.state, status=Status.EXITED, exit_code=143, finished=1009.0))
        self.assertEqual((self.told, self.failures.attempts), ([], {}))

    def test_silent(self) -> None:
        """That it logged nothing is part of the reason."""
        self.lines, self.silent = (), True
        self.crash()
        self.assertEqual((self.reason, self.changes), ("exit status 1, and it logged nothing", [WEB]))

    def test_no_lines(self) -> None:
        """Without a log the reason is the status."""
        self.lines = ()
        self.crash()
        self.assertEqual((self.reason, self.changes), ("exit status 1", []))
