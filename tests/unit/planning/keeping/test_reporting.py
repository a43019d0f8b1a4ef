"""The record that a node writes of its instances: the state, whether it is healthy and why not, nothing twice."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import ContainerState, Image, Status
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.attempts import LASTING, SETTLED, Attempts
from daprdockr.planning.claim_steps import WriteClaim
from daprdockr.planning.keeping.reporting import report, report_without_engine, settled_at
from daprdockr.planning.lanes import Lane
from daprdockr.planning.plan import plan
from daprdockr.planning.situation import Situation
from tests.build.situations import (
    ADDRESSES,
    HERE,
    NOW,
    PORT,
    WEB_1,
    WEB_2,
    candidates,
    changed,
    claim,
    container,
    running_record,
    situation,
    starting_record,
)
from tests.build.values import definition, instance

FIRST = instance(1)
CHECKED = definition(Health={"Type": "tcp", "Port": 8080})
RUNNING = container(of=CHECKED, ports=(PORT,))
OLD = container("old", of=definition("web:0", Health={"Type": "tcp", "Port": 8080}), ports=(PORT,))
NEW = container("new", of=CHECKED, ports=(evolve(PORT, host=20001),), started=20.0)


def told(seen: Situation, by: Definition = WEB_1, now: float = NOW) -> ClaimRecord:
    return report(seen, FIRST, by, now)


class JudgedTests(SynchronousTestCase):
    """The check by which an instance was found healthy."""

    def test_changed(self) -> None:
        """As long as the verdict is from the former check, the record says so; the Engine may be away or not."""
        former = definition(Health={"Type": "tcp", "Port": 8081}).check
        for judging, found in (({RUNNING.id: former}, former), ({RUNNING.id: CHECKED.check}, CHECKED.check)):
            own = claim(running_record(RUNNING))
            seen = situation(CHECKED, (own,), (RUNNING,), verdicts={RUNNING.id: True}, judging=judging)
            for record in (told(seen, CHECKED), report_without_engine(seen, own, CHECKED, NOW)):
                self.assertEqual((record.healthy, record.judged), (True, found.digest))

    def test_at_once(self) -> None:
        """Without a check, or with the image's own, there is nothing to wait for."""
        for kind in ("none", "docker"):
            wanted = definition(Health={"Type": kind})
            running = container(of=wanted, health="healthy")
            seen = situation(wanted, (claim(running_record(running)),), (running,), judging={"c1": CHECKED.check})
            self.assertEqual(told(seen, wanted).judged, wanted.check.digest)


class WithoutEngineTests(SynchronousTestCase):
    """See Note [Reported without the Engine]."""

    away = evolve(HERE, lease=0, held_lease=HERE.lease)
    bad = {RUNNING.id: False, NEW.id: True}

    def test_verdict(self) -> None:
        """The verdict on the container that is reported is written under the lease of its claim, and nothing else."""
        before = running_record(RUNNING, reason="its image is pulled", leaving=True)
        seen = situation(CHECKED, (claim(before),), (RUNNING,), here=self.away, verdicts=self.bad)
        unwell = evolve(before, state=State.UNHEALTHY, healthy=False, reason="nothing answers on port 8080")
        (step,) = plan(seen, NOW).steps
        assert isinstance(step, WriteClaim)
        self.assertEqual(step.record, unwell)

    def test_beside_a_well_one(self) -> None:
        """The container that is reported is unwell, although another copy, to which nothing leads, is not."""
        seen = situation(CHECKED, (claim(running_record(RUNNING)),), (RUNNING, NEW), here=self.away, verdicts=self.bad)
        (step,) = plan(seen, NOW).steps
        assert isinstance(step, WriteClaim)
        self.assertEqual((step.record.container, step.record.state), (RUNNING.id, State.UNHEALTHY))

    def test_turn(self) -> None:
        """One that is due gives its turn up, unless a successor has it, and one that is well is not overdue."""
        unwell = running_record(RUNNING, state=State.UNHEALTHY, healthy=False, due=True, overdue=True)
        ours, other = claim(unwell), claim(starting_record(node="b"), fence=60)
        seen = situation(CHECKED, (ours,), (RUNNING,), here=self.away, verdicts=self.bad, successors={1: other})
        self.assertFalse(report_without_engine(seen, claim(evolve(unwell, due=False)), CHECKED, NOW).due)
        for verdicts, successors, turn in (
            ({}, {}, (True, False)),
            (self.bad, {}, (True, False)),
            (self.bad, {1: other}, (True, True)),
            ({RUNNING.id: True}, {1: other}, (False, False)),
        ):
            seen = situation(CHECKED, (ours,), (RUNNING,), here=self.away, verdicts=verdicts, successors=successors)
            found = report_without_engine(seen, ours, CHECKED, NOW)
            self.assertEqual((found.overdue, found.due), turn)

    def test_coming_up(self) -> None:
        """Nobody waits for one that is coming up, whatever a check finds, as it cannot; that is written once."""
        for state in (State.STARTING, State.PULLING, State.BACKING_OFF, State.WITHDRAWN):
            before = running_record(RUNNING, state=state, healthy=False)
            seen = situation(CHECKED, (claim(before),), (RUNNING,), here=self.away, verdicts={RUNNING.id: True})
            (step,) = plan(seen, NOW).steps
            assert isinstance(step, WriteClaim)
            self.assertEqual(step.record, evolve(before, overdue=True))
            seen = situation(CHECKED, (claim(step.record),), (RUNNING,), here=self.away, verdicts={RUNNING.id: True})
            self.assertEqual(plan(seen, NOW).steps, ())

    def test_of_another_run(self) -> None:
        """Nor is anything of another run, of a copy that has ended or is being stopped, or without a verdict."""
        again, ended = evolve(RUNNING, started=RUNNING.started + 1), evolve(RUNNING, status=Status.EXITED)
        cases: tuple[tuple[ContainerState, dict[str, Any]], ...] = (
            (again, {}),
            (ended, {}),
            (RUNNING, {"stopping": frozenset({RUNNING.id})}),
            (RUNNING, {"verdicts": {}}),
        )
        ours = claim(running_record(RUNNING))
        for copy, fields in cases:
            known: dict[str, Any] = {"verdicts": {RUNNING.id: False}, **fields}
            seen = situation(CHECKED, (ours,), (copy,), here=self.away, **known)
            self.assertEqual(report_without_engine(seen, ours, CHECKED, NOW), ours.record)

    def test_none(self) -> None:
        """Nothing is written under another lease, out of touch, or of another container."""
        ours = claim(running_record(RUNNING))
        for own, copies, here in (
            (ours, (RUNNING,), evolve(self.away, held_lease=HERE.lease + 1)),
            (ours, (RUNNING,), evolve(self.away, held_lease=0)),
            (ours, (RUNNING,), evolve(self.away, in_touch=False)),
            (ours, (NEW,), self.away),
            (ours, (), self.away),
        ):
            seen = situation(CHECKED, (own,), copies, here=here, verdicts=self.bad)
            self.assertEqual(plan(seen, NOW).steps, ())


class LeavingTests(SynchronousTestCase):
    """Whether the owner wants another node to take the instance over."""

    def leaves(self, verdict: bool = False, count: int = LASTING, node: str = "a", **fields: Any) -> bool:
        failed = {FIRST: Attempts(count, NOW, "sick", of=CHECKED.digest, unhealthy=True)}
        ours = claim(evolve(running_record(RUNNING), node=node))
        known: dict[str, Any] = {"verdicts": {RUNNING.id: verdict}, "attempts": failed, **fields}
        return told(situation(CHECKED, (ours,), (RUNNING,), candidates=candidates("a", "b"), **known), CHECKED).leaving

    def test_given_up(self) -> None:
        """One that it cannot bring up, as long as it is not healthy; the successor of another says nothing of that."""
        self.assertTrue(self.leaves())
        self.assertFalse(self.leaves(verdict=True))
        self.assertFalse(self.leaves(node="b"))

    def test_in_time(self) -> None:
        """One that is drained, or evens out the load, from its time on, healthy or not."""
        for at, leaves in ((NOW, True), (NOW + 1, False)):
            for verdict in (True, False):
                self.assertEqual(self.leaves(verdict, 0, leaving={1: at}), leaves)

    def test_overdue(self) -> None:
        """One that is healthy is not overdue, however long it took."""
        for verdict in (True, False):
            seen = situation(CHECKED, containers=(RUNNING,), verdicts={RUNNING.id: verdict}, coming_up={1: NOW})
            self.assertEqual(told(seen, CHECKED, NOW + 999).overdue, not verdict)


class RunningTests(SynchronousTestCase):
    def test_without_a_check(self) -> None:
        """A container that runs and has no check is well at once."""
        one = container(ports=(PORT,))
        self.assertEqual(told(situation(containers=(one,))), running_record(one))

    def test_a_verdict(self) -> None:
        """The verdict of the check is reported, with the complaint when it is bad."""
        for healthy, state, reason in (
            (True, State.RUNNING, ""),
            (False, State.UNHEALTHY, "nothing answers on port 8080"),
        ):
            seen = situation(CHECKED, containers=(RUNNING,), verdicts={RUNNING.id: healthy})
            expected = running_record(RUNNING, state=state, healthy=healthy, reason=reason)
            self.assertEqual(told(seen, CHECKED), expected)

    def test_cut_off(self) -> None:
        """A container whose network was taken from it is unhealthy, whatever its check finds, for that reason."""
        for by in (WEB_1, CHECKED):
            cut = container(of=by, ports=(PORT,), cut_off="front")
            record = told(situation(by, containers=(cut,), verdicts={cut.id: True}), by)
            self.assertEqual((record.healthy, record.reason), (False, "network front was taken from it"))

    def test_unreached(self) -> None:
        """Of a container that is well in itself the complaint says that nginx cannot reach it."""
        seen = situation(CHECKED, containers=(RUNNING,), verdicts={RUNNING.id: False}, unreached={RUNNING.id: "no way"})
        self.assertEqual(told(seen, CHECKED).reason, "no way")

    def test_unreached_without_a_check(self) -> None:
        """Nor is one well that has no check of its own, once that is sure."""
        one = container(ports=(PORT,))
        for verdicts, healthy, reason in (({one.id: False}, False, "no way"), ({}, True, "")):
            record = told(situation(containers=(one,), verdicts=verdicts, unreached={one.id: "no way"}))
            self.assertEqual((record.healthy, record.reason), (healthy, reason))

    def test_lacking(self) -> None:
        """A healthy container's record names what it runs without; that of another one has the complaint."""
        for healthy, reason in ((True, "no DNS"), (False, "nothing answers on port 8080")):
            seen = situation(CHECKED, containers=(RUNNING,), verdicts={RUNNING.id: healthy}, lacking="no DNS")
            self.assertEqual(told(seen, CHECKED).reason, reason)

    def test_only_of_a_changed_definition(self) -> None:
        """A healthy copy of the present definition is reported without the reason of what failed at that definition."""
        one, failed = container(ports=(PORT,)), Attempts(1, NOW - 1, "died", of=WEB_1.digest)
        seen = situation(containers=(one,), pulls={"web:1": failed}, attempts={FIRST: failed})
        self.assertEqual((told(seen).healthy, told(seen).reason), (True, ""))

    def test_due_itself(self) -> None:
        """The copy that is reported is due if its own check fails so often, not that of another one."""
        other = container("other", of=CHECKED)
        bad = {RUNNING.id: False, other.id: False}
        for sick, due in ((RUNNING, True), (other, False)):
            failed = {sick.id: 99}
            record = told(situation(CHECKED, containers=(RUNNING, other), verdicts=bad, failed=failed), CHECKED)
            self.assertEqual((record.container, record.due), (RUNNING.id, due))

    def test_complaints(self) -> None:
        """The complaint says which check failed."""
        checks: tuple[tuple[dict[str, Any], str], ...] = (
            ({"Type": "http", "Port": 81, "Path": "/up"}, "no success from /up on port 81"),
            ({"Type": "exec", "Cmd": ["pg_isready", "-q"]}, "the command pg_isready -q fails"),
        )
        for health, reason in checks:
            checked = definition(Health=health)
            seen = situation(checked, containers=(container(of=checked),), verdicts={"c1": False})
            self.assertEqual(told(seen, checked).reason, reason)

    def test_found(self) -> None:
        """The finding of the check is behind that, also of one that starts slowly."""
        for health, reason in (
            ({"Type": "http", "Port": 81, "Path": "/up"}, "no success from /up on port 81: status 503"),
            ({"Type": "exec", "Cmd": ["pg_isready"]}, "the command pg_isready fails: status 503"),
            ({"Type": "tcp", "Port": 81}, "nothing answers on port 81"),
            ({"Type": "grpc", "Port": 81}, "gRPC's health check on port 81 fails: status 503"),
        ):
            checked = definition(Health=health)
            for verdicts, state in (({"c1": False}, State.UNHEALTHY), ({}, State.STARTING)):
                seen = situation(
                    checked,
                    containers=(container(of=checked),),
                    verdicts=verdicts,
                    complaints={"c1": "status 503"},
                )
                self.assertEqual((told(seen, checked).state, told(seen, checked).reason), (state, reason))

    def test_found_by_the_image(self) -> None:
        """The first output of the image's own check stands in the record, so that nothing is written each time."""
        checked = definition(Health={"Type": "docker"})
        one = container(of=checked, health="unhealthy", complaint="at 1")
        first = told(situation(checked, containers=(one,)), checked)
        self.assertEqual(first.reason, "its HEALTHCHECK fails: at 1")
        again = evolve(one, complaint="at 2")
        self.assertEqual(told(situation(checked, (claim(first),), (again,)), checked), first)
        other = evolve(again, started=one.started + 60)
        self.assertEqual(
            told(situation(checked, (claim(first),), (other,)), checked).reason, "its HEALTHCHECK fails: at 2"
        )
        paused = evolve(again, status=Status.PAUSED)
        self.assertEqual(told(situation(checked, (claim(first),), (paused,)), checked).reason, "it is paused")

    def test_no_verdict_yet(self) -> None:
        """A container about which nothing is known yet is starting; ports in the record before stay in it."""
        before = running_record(container("c0", started=5.0), ports=(PORT,), reason="x")
        record = told(situation(CHECKED, (claim(before),), (RUNNING,)), CHECKED)
        self.assertEqual(
            (record.state, record.healthy, record.ports, record.reason), (State.STARTING, False, (PORT,), "")
        )

    def test_a_new_agent_knows_no_verdict_yet(self) -> None:
        """The record of this very run stands until the check has an answer: names and routes stay."""
        unwell = running_record(RUNNING, state=State.UNHEALTHY, healthy=False, reason="nothing answers on port 8080")
        for before in (running_record(RUNNING), unwell):
            self.assertEqual(told(situation(CHECKED, (claim(before),), (RUNNING,)), CHECKED), before)

    def test_the_same_container_started_again(self) -> None:
        """The record of an earlier run of the container does not count for this one."""
        before = running_record(evolve(RUNNING, started=1.0))
        self.assertFalse(told(situation(CHECKED, (claim(before),), (RUNNING,)), CHECKED).healthy)

    def test_the_own_check_of_the_image(self) -> None:
        """With type docker the Engine's verdict counts; an image without a HEALTHCHECK is reported as a mistake."""
        checked = definition(Health={"Type": "docker"})
        for health, state, reason in (
            ("starting", State.STARTING, ""),
            ("healthy", State.RUNNING, ""),
            ("unhealthy", State.UNHEALTHY, "its HEALTHCHECK fails"),
            ("", State.UNHEALTHY, "the image has no HEALTHCHECK, but Health asks for it"),
        ):
            record = told(situation(checked, containers=(container(of=checked, health=health),)), checked)
            self.assertEqual((record.state, record.healthy, record.reason), (state, state is State.RUNNING, reason))

    def test_an_older_generation_serves(self) -> None:
        """While the container of an older definition serves, the record describes that one."""
        old = container(of=definition("web:0"), ports=(PORT,))
        record = told(situation(containers=(old,)))
        self.assertEqual((record.healthy, record.definition), (True, old.definition))

    def test_in_a_crash_loop(self) -> None:
        """In the middle of a crash loop a start is not reported as success before it lasted."""
        seen = situation(containers=(container(),), attempts={FIRST: Attempts(count=3, retry_at=NOW)})
        self.assertEqual(settled_at(seen, container()), NOW + SETTLED)
        self.assertFalse(told(seen, now=NOW + SETTLED - 0.1).healthy)
        self.assertTrue(told(seen, now=NOW + SETTLED).healthy)


class TwoCopiesTests(SynchronousTestCase):
    """Note [The healthy copy]: ``OLD`` is of the definition before, ``NEW`` of the present one."""

    def seen(self, named: ContainerState = OLD, **fields: Any) -> Situation:
        """Both run, and the claim names one."""
        return situation(CHECKED, (claim(running_record(named)),), (OLD, NEW), **fields)

    def test_new_without_verdict(self) -> None:
        """Until the new copy has a verdict the old one, which is healthy, is reported, whichever was before."""
        for named in (OLD, NEW):
            seen = self.seen(evolve(named, started=1.0), verdicts={OLD.id: True})
            self.assertEqual(told(seen, CHECKED), running_record(OLD))

    def test_no_flapping(self) -> None:
        """Nor is anything written of the instance meanwhile, nor when the new copy fails."""
        for verdicts in ({OLD.id: True}, {OLD.id: True, NEW.id: False}):
            steps = plan(self.seen(verdicts=verdicts), NOW).steps
            self.assertEqual([step for step in steps if isinstance(step, WriteClaim)], [])

    def test_both_are_well(self) -> None:
        """When the new copy has been healthy for ``MinHealthy`` seconds too, that one is reported, and not before."""
        both: dict[str, Any] = {"verdicts": {OLD.id: True, NEW.id: True}}
        since = NOW - CHECKED.update.min_healthy
        self.assertEqual(told(self.seen(**both, well_since={NEW.id: since}), CHECKED), running_record(NEW))
        for well_since in ({}, {NEW.id: since + 0.1}, {OLD.id: since}):
            self.assertEqual(told(self.seen(**both, well_since=well_since), CHECKED), running_record(OLD))
        self.assertEqual(told(self.seen(NEW, **both), CHECKED), running_record(NEW))

    def test_new_fails(self) -> None:
        """A new copy that is not well any more gives way to the old one."""
        seen = self.seen(NEW, verdicts={OLD.id: True, NEW.id: False})
        self.assertEqual(told(seen, CHECKED), running_record(OLD))

    def test_none_is_well(self) -> None:
        """When neither is, the record goes on with the copy that the claim names."""
        seen = self.seen(verdicts={OLD.id: False})
        self.assertEqual((told(seen, CHECKED).container, told(seen, CHECKED).healthy), (OLD.id, False))

    def test_nothing_known(self) -> None:
        """An agent that has just begun knows of neither: the record stands."""
        self.assertEqual(told(self.seen(), CHECKED), running_record(OLD))

    def test_new_has_the_first_verdict(self) -> None:
        """Nor does it turn to a new copy that passes its check before the old one has been asked, if that was well."""
        first: dict[str, Any] = {"verdicts": {NEW.id: True}}
        self.assertEqual(told(self.seen(**first), CHECKED), running_record(OLD))
        proven = {**first, "well_since": {NEW.id: NOW - CHECKED.update.min_healthy}}
        self.assertEqual(told(self.seen(**proven), CHECKED), running_record(NEW))
        self.assertEqual(told(self.seen(evolve(OLD, started=1.0), **first), CHECKED), running_record(NEW))

    def test_old_is_stopped(self) -> None:
        """An old copy that is being stopped does not count, though it is well."""
        record = told(self.seen(verdicts={OLD.id: True}, stopping={OLD.id}), CHECKED)
        self.assertEqual((record.state, record.healthy), (State.STARTING, False))

    def test_new_in_a_crash_loop(self) -> None:
        """That the new one dies and dies says nothing about the old one, and the other way round."""
        old, new = container("old", of=WEB_2, ports=(PORT,)), container("new", started=20.0)
        for failing, well in ((new, old), (old, new)):
            attempts = {Lane("container", FIRST, failing.definition): Attempts(5, NOW, "died", of=failing.definition)}
            seen = situation(WEB_1, (claim(running_record(old)),), (old, new), attempts=attempts)
            reason = "" if well is new else "the container of the changed definition does not come up: died"
            self.assertEqual(told(seen), running_record(well, reason=reason))
            self.assertEqual((settled_at(seen, failing), settled_at(seen, well)), (NOW + SETTLED, 0.0))


class AbsentTests(SynchronousTestCase):
    def test_the_beginning(self) -> None:
        """A claim begins as starting, with this node's addresses."""
        self.assertEqual(told(situation()), starting_record())

    def test_the_claim_of_another(self) -> None:
        """Another node's record is no base for that of this one."""
        other = evolve(running_record(RUNNING), node="b", addresses=("10.0.0.2",))
        self.assertEqual(told(situation(claims=(claim(other),))), starting_record())

    def test_after_one_death(self) -> None:
        """The first death is reported as starting, with the reason: it costs no delay, but a start may take long."""
        dead = container(status=Status.EXITED, ports=(PORT,))
        seen = situation(
            claims=(claim(running_record(dead)),), containers=(dead,), attempts={FIRST: Attempts(1, 0.0, "died")}
        )
        record = told(seen)
        self.assertEqual(
            (record.state, record.healthy, record.ports, record.reason), (State.STARTING, False, (PORT,), "died")
        )
        again = changed(
            seen, claims={1: claim(record)}, containers={1: (evolve(dead, status=Status.RUNNING, started=20),)}
        )
        checked = changed(again, service=situation(CHECKED).service)
        self.assertEqual(told(checked, CHECKED), record)

    def test_in_a_crash_loop(self) -> None:
        """Repeated deaths are reported with their reason, and stay so between the tries."""
        for attempts in (Attempts(1, NOW + 1, "died: exit status 3"), Attempts(2, 0.0, "died: exit status 3")):
            record = told(situation(attempts={FIRST: attempts}))
            self.assertEqual((record.state, record.reason), (State.BACKING_OFF, "died: exit status 3"))

    def test_an_image_that_can_not_be_pulled(self) -> None:
        """A failed pull is reported with the reason of the registry."""
        self.assertEqual(told(situation(images={})).state, State.STARTING)
        record = told(situation(images={}, pulls={"web:1": Attempts(1, NOW, "no such image")}))
        self.assertEqual((record.state, record.reason), (State.PULLING, "no such image"))
        self.assertEqual(
            told(situation(images={"web:1": Image("i")}, pulls={"web:1": Attempts(1)})).state, State.STARTING
        )

    def test_an_image_on_its_way(self) -> None:
        """An image that is known to be lacking is being pulled; another reason counts more."""
        lacking = situation(images={})
        lacking = evolve(lacking, host=evolve(lacking.host, lacks_image=True))
        self.assertEqual((told(lacking).state, told(lacking).reason), (State.PULLING, ""))
        died = situation(images={}, attempts={FIRST: Attempts(1, NOW - 1, "died")})
        died = evolve(died, host=evolve(died.host, lacks_image=True))
        self.assertEqual((told(died).state, told(died).reason), (State.STARTING, "died"))


class LostTests(SynchronousTestCase):
    def test_taken_up_again(self) -> None:
        """The record of a claim that this node lost, and nobody took, is continued."""
        before = claim(running_record(RUNNING), lease=5)
        seen = situation(CHECKED, containers=(RUNNING,), lost={1: before})
        self.assertEqual(told(seen, CHECKED), before.record)
        self.assertEqual(told(situation(lost={1: before})).ports, (PORT,))

    def test_taken_by_another(self) -> None:
        """The claim that is there counts before one that was lost."""
        other = evolve(running_record(RUNNING), node="b")
        seen = situation(claims=(claim(other),), lost={1: claim(running_record(RUNNING))})
        self.assertEqual(told(seen), starting_record())


class StillTests(SynchronousTestCase):
    def test_told_once(self) -> None:
        """A record is not written again as time goes by."""
        crashing = {FIRST: Attempts(5, NOW + 8, "died")}
        situations = (
            situation(containers=(container(ports=(PORT,)),)),
            situation(CHECKED, containers=(RUNNING,)),
            situation(CHECKED, containers=(RUNNING,), verdicts={RUNNING.id: False}),
            situation(attempts=crashing),
            situation(containers=(container(),), attempts=crashing),
            situation(images={}, pulls={"web:1": Attempts(3, NOW + 1, "no")}),
        )
        for seen in situations:
            assert seen.service is not None
            by = seen.service.definition
            record = told(seen, by)
            again = changed(seen, claims={1: claim(ClaimRecord.decode(record.encode()))})
            for now in (NOW, NOW + 0.5):
                self.assertEqual(told(again, by, now), record)

    def test_addresses_of_today(self) -> None:
        """The addresses are always this node's present ones."""
        old = evolve(starting_record(), addresses=("10.9.9.9",))
        self.assertEqual(told(situation(claims=(claim(old),))).addresses, ADDRESSES)
        self.assertEqual(told(situation(here=evolve(HERE, addresses=()))).addresses, ())
