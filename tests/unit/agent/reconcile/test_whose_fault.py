"""Whether the host or the container is at fault when the Engine did not carry out a step."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reconcile.whose_fault import whose_fault
from daprdockr.model.errors import (
    ContainerAbsent,
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineSilent,
    EngineUnavailable,
    ImageRefused,
    NameTaken,
    PortTaken,
    PullFailed,
)
from daprdockr.planning.container_steps import (
    ContainerStep,
    CreateContainer,
    PullImage,
    RemoveContainer,
    StartContainer,
    StopContainer,
)
from daprdockr.planning.lanes import Lane
from daprdockr.planning.outcome import LONGEST_REASON, Fault, Retry
from tests.build.situations import WEB_1
from tests.build.values import instance

FIRST = instance(1)
CREATE, START = CreateContainer(FIRST, WEB_1, (), 40), StartContainer(FIRST, "c1")
LANE = Lane("container", FIRST, WEB_1.digest)
EVENTS = (
    (CREATE, "its container could not be created: no"),
    (START, "its container could not be started: no"),
)


class WhoseFaultTests(SynchronousTestCase):
    """Note [Whose fault]."""

    def became(self, step: ContainerStep, error: EngineError, away: bool = False) -> Retry | Fault:
        return whose_fault(step, error, WEB_1.digest, away)

    def test_container(self) -> None:
        """A refusal by the Engine is counted for that generation of the container; the event says which call it was."""
        for step, event in EVENTS:
            for error in (EngineRefused("no"), ContainerAbsent("no"), NameTaken("no"), PortTaken("no", 80)):
                refused = type(error) is EngineRefused  # the others may be otherwise the next time
                self.assertEqual(self.became(step, error), Fault("no", LANE, event, refused=refused))

    def test_host(self) -> None:
        """A failure that the Engine calls its own may be this host's."""
        self.assertEqual(self.became(START, EngineFailed("no")), Fault("no", LANE, EVENTS[1][1], of_host=True))

    def test_silent(self) -> None:
        """One call that is never answered while others are counts as several, and may be this host's fault."""
        for step, event in EVENTS:
            expected = Fault("no", LANE, event, lasting=True, of_host=True)
            self.assertEqual(self.became(step, EngineSilent("no")), expected)
            self.assertEqual(self.became(step, EngineSilent("no"), away=True), Retry("no", once=True))

    def test_away(self) -> None:
        """An Engine that is away says nothing about a container, and each attempt would be a line of the log."""
        for step in (CREATE, START, StopContainer(FIRST, "c1", 10, "unhealthy"), RemoveContainer(FIRST, "c1", "")):
            self.assertEqual(self.became(step, EngineUnavailable("no")), Retry("no", once=True))

    def test_pull(self) -> None:
        """A pull that failed counts against the image, whatever the reason."""
        lane = Lane("image", "web:1")
        for error in (PullFailed("no"), EngineUnavailable("no"), EngineSilent("no"), EngineFailed("no")):
            self.assertEqual(self.became(PullImage("web:1"), error), Fault("no", lane, "no"))
        refused = self.became(PullImage("web:1"), ImageRefused("no"))
        self.assertEqual(refused, Fault("no", lane, "no", refused=True))

    def test_others(self) -> None:
        """A container that is not stopped or removed has no fault that the planner knows of."""
        for step in (StopContainer(FIRST, "c1", 3, "scaled down"), RemoveContainer(FIRST, "c1", "scaled down")):
            for error in (EngineRefused("no"), EngineFailed("no")):
                self.assertEqual(self.became(step, error), Retry("no"))
            self.assertEqual(self.became(step, EngineSilent("no")), Retry("no", once=True))

    def test_reason(self) -> None:
        """A reason is one line of bounded length, and never empty."""
        self.assertEqual(self.became(START, EngineUnavailable("a\nb" + "x" * 10_000)).reason[:4], "a bx")
        self.assertEqual(len(self.became(START, EngineUnavailable("x" * 10_000)).reason), LONGEST_REASON)
        self.assertEqual(self.became(START, EngineUnavailable("")).reason, "EngineUnavailable")
