"""The planner about restarts, about a container whose network was taken from it, and about host ports of two copies."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import ContainerState, Image, Port, Status
from daprdockr.model.stored.claim import State
from daprdockr.model.wanted.pinned import pin
from daprdockr.planning.attempts import Attempts
from daprdockr.planning.claim_steps import WriteClaim
from daprdockr.planning.container_steps import PullImage, RemoveContainer, StartContainer, StopContainer
from daprdockr.planning.keeping.pinning import pin_first
from daprdockr.planning.keeping.running import host_ports
from daprdockr.planning.plan import Plan, plan
from daprdockr.planning.rollout_steps import PinImage, TakeSlot
from tests.build.plans import EXITED, FIRST, OURS, RUNNING, PlanTestCase
from tests.build.situations import (
    DEFINED,
    NOW,
    OUT_OF_TOUCH,
    PORT,
    WEB_2,
    changed,
    claim,
    container,
    running_record,
    situation,
    slot,
)
from tests.build.values import WEB, definition, fixing

DIGEST = "sha256:" + "a1" * 32


class RestartTests(PlanTestCase):
    def test_restarted(self) -> None:
        """For a restart the image is pulled once more before anything else, though it is there."""
        again = definition("web:1", Restarted="now")
        self.assert_steps(situation(again, (OURS,), (RUNNING,)), PullImage("web:1", "now"))
        self.assert_steps(situation(again, (OURS,), (RUNNING,), pulled_for="before"), PullImage("web:1", "now"))
        pulled = situation(again, (OURS,), (RUNNING,), pulled_for="now")
        self.assert_steps(pulled, TakeSlot(FIRST, 1, 0, again.digest))
        restarted = container("new", of=again)
        self.assert_steps(situation(again, (claim(running_record(restarted)),), (restarted,)))

    def test_pinned(self) -> None:
        """The digest that the registry gave is written down before a slot is taken, unless that is forbidden."""
        again = definition("web:1", Restarted="now")
        seen = situation(again, (OURS,), (RUNNING,), pulled_for="now", resolved=DIGEST)
        self.assert_steps(seen, PinImage(WEB, DEFINED, DIGEST, RUNNING.id))
        self.assert_steps(changed(seen, unpinned=True), TakeSlot(FIRST, 1, 0, again.digest))
        found = definition("web:1", Restarted=pin("now", "web:1", DIGEST))
        absent = situation(found, (OURS,), (RUNNING,), images={})
        self.assert_steps(absent, PullImage(f"web@{DIGEST}"))
        self.assert_steps(changed(absent, image=Image("i")), TakeSlot(FIRST, 1, 0, found.digest))

    def test_former(self) -> None:
        """The way back leads to the image of a former container: of one that runs, if any does, and of no new one."""
        again = definition("web:1", Restarted="now")
        new, ended, runs = container("new", of=again), container("old", status=Status.EXITED), container("old-2", 2)
        for copies, former in (((new, ended, runs), runs.id), ((new, ended), ended.id), ((new,), "")):
            seen = situation(again, (OURS,), copies, pulled_for="now", resolved=DIGEST)
            self.assertEqual(pin_first(seen), PinImage(WEB, DEFINED, DIGEST, former))


class BeforeTests(PlanTestCase):
    """A command that has to succeed before a rollout."""

    def test_nothing_is_stopped(self) -> None:
        """Until then no instance takes a slot, and with one the old container goes on, even if it is to stop first."""
        wanted = definition("web:2", Before={"Cmd": ["migrate"]}, Update={"Order": "stop-first"})
        for slots in ({}, {1: slot(wanted)}):
            steps = plan(situation(wanted, (OURS,), (RUNNING,), slots=slots), NOW).steps
            found = [step for step in steps if isinstance(step, TakeSlot | StopContainer)]
            self.assertEqual(found, [])
            records = [step.record for step in steps if isinstance(step, WriteClaim)]
            self.assertEqual([record.state for record in records if not record.healthy], [])


class SpoiltTests(PlanTestCase):
    """A container that does not start."""

    def test_one_start_failed(self) -> None:
        """
        A start that failed once or twice is tried again with the same container, a third failure makes another one;
        deaths before that do not count.
        """
        spoilt = evolve(EXITED, error="error creating overlay mount")
        again, another = StartContainer(FIRST, "c1"), RemoveContainer(FIRST, "c1", "error creating overlay mount")
        for count, starts, step in (
            (1, 1, again),
            (2, 1, again),
            (2, 0, again),
            (2, 2, again),
            (3, 3, another),
            (4, 3, another),
        ):
            attempts = {FIRST: Attempts(count, NOW, "error creating overlay mount", starts=starts)}
            self.assertIn(step, plan(situation(claims=(OURS,), containers=(spoilt,), attempts=attempts), NOW).steps)


class NetworkTests(PlanTestCase):
    """See Note [A network that was taken]."""

    def test_network_taken(self) -> None:
        """A running container without its network stays until there is one for another: then it is replaced."""
        cut = container(ports=(PORT,), cut_off="front")
        record = running_record(cut, state=State.UNHEALTHY, healthy=False, reason="network front was taken from it")
        seen = situation(claims=(claim(record),), containers=(cut,))
        self.assertEqual(plan(seen, NOW), Plan())
        there = changed(seen, networks={"front"})
        reason = "network front was taken from it, and is there"
        self.assert_steps(there, StopContainer(FIRST, "c1", 3, reason))
        self.assertEqual(plan(changed(there, here=OUT_OF_TOUCH), NOW), Plan())

    def test_ended_without_its_network(self) -> None:
        """One that ended is not started again but made anew; out of touch one without a network is better than none."""
        cut = evolve(EXITED, cut_off="front")
        seen = situation(claims=(OURS,), containers=(cut,), attempts={FIRST: Attempts(9, NOW + 60, "died")})
        self.assertIn(RemoveContainer(FIRST, "c1", "network front was taken from it"), plan(seen, NOW).steps)
        out = situation(claims=(OURS,), containers=(cut,), here=OUT_OF_TOUCH)
        self.assert_steps(out, StartContainer(FIRST, "c1"))


class PortTests(SynchronousTestCase):
    """The host ports of a new copy: those of a copy that has ended, and none that another still holds."""

    def planned(self, *others: ContainerState) -> tuple[Port, ...]:
        seen = situation(WEB_2, (claim(running_record(RUNNING)),), others, images={"web:2": Image("i", (PORT,))})
        return host_ports(seen, seen.claims.owners[1], WEB_2)

    def test_after_another(self) -> None:
        """The port of a copy that has ended, or that is gone, is used again."""
        for others in ((), (EXITED,)):
            self.assertEqual(self.planned(*others), (PORT,))

    def test_beside_another(self) -> None:
        """The port of a running copy is not, though the claim names it."""
        self.assertEqual(self.planned(RUNNING), (evolve(PORT, host=0),))

    def test_fixed(self) -> None:
        """A port that the definition fixes is used, whatever the instance had before."""
        fixed = definition("web:2", Container=fixing(8080))
        seen = situation(fixed, (claim(running_record(RUNNING)),), (EXITED,), images={"web:2": Image("i", (PORT,))})
        had = {port.container: port.host for port in host_ports(seen, seen.claims.owners[1], fixed)}
        self.assertEqual(had, {PORT.container: PORT.host, 80: 8080})

    def test_beside_two(self) -> None:
        """Beside a running copy the port of an ended one is used again."""
        ended = evolve(EXITED, id="c2", ports=(evolve(PORT, host=20001),))
        self.assertEqual(self.planned(RUNNING, ended), ended.ports)
