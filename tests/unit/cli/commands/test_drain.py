"""``drain``: what it asks for, what it prints, and how it ends."""

from __future__ import annotations

from attrs import evolve

from daprdockr.model.stored.doubts import DoubtRecord
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.run import RunRecord, RunState
from daprdockr.picture.nodes import node_table
from tests.build.command_line import WELL, DrainCase
from tests.build.values import API, KEYS, instance, named
from tests.fakes.command_line import Outcome


class DrainTests(DrainCase):
    """A drain as it begins."""

    def test_asks(self) -> None:
        """The node is cordoned, asked to hand over all it has, and shown so."""
        self.assertEqual(self.run_line("drain n1"), Outcome(0, "n1 is cordoned: 0 instances leave it, 0 stay\n", ""))
        self.assertEqual((self.cluster.cordoned, self.cluster.draining), ({"n1"}, {"n1"}))
        self.assertEqual([row["Draining"] for row in node_table(self.cluster).rows], [True, False])
        self.assertIn("draining", self.run_line("nodes").stdout)

    def test_tells(self) -> None:
        """It prints how many instances leave, and the reason of each that cannot."""
        self.define(
            named("web", 2),
            named("db", Container={"Volumes": ["data:/data"]}),
            named("gpu", Placement={"Constraints": ["gpu == yes"]}),
        )
        self.assertEqual(
            self.run_line("drain n1").stdout.splitlines(),
            [
                "n1 is cordoned: 2 instances leave it, 2 stay",
                "1.db.myapp stays: it keeps data in data:/data",
                "1.gpu.myapp stays: no other node meets its constraints",
            ],
        )

    def test_json(self) -> None:
        """Programs get the same as one object."""
        self.define(named("web", 2), named("db", Container={"Binds": ["/srv:/data"]}))
        staying = [{"Instance": "1.db.myapp", "Reason": "it keeps data in /srv:/data"}]
        self.assertEqual(
            self.run_line("drain n1 -o json").json,
            {"Node": "n1", "Leaving": ["1.web.myapp", "2.web.myapp"], "Staying": staying},
        )

    def test_nowhere_to_go(self) -> None:
        """Nodes that are cordoned too take nothing."""
        self.define(named("web"))
        self.store.put(KEYS.cordon("n2"), b"{}")
        self.assertIn("1.web.myapp stays: no other node takes instances now", self.run_line("drain n1").stdout)

    def test_not_counted(self) -> None:
        """Instances that are not wanted any more, and those of other nodes, are not counted."""
        self.define(named("web", 3))
        self.store.put(KEYS.service(instance(1).service), named("web", 1).encode())
        self.define(named("api", 2), node="n2")
        self.assertIn("1 instance leaves it, 0 stay", self.run_line("drain n1").stdout)

    def test_absent(self) -> None:
        """A node that does not exist is not cordoned."""
        done = self.run_line("drain n9")
        self.assertEqual((done.status, self.cluster.cordoned), (3, set()))
        self.assertIn("node n9 does not exist", done.stderr)

    def test_wrong_usage(self) -> None:
        """It takes one node's name, and -timeout only where it waits."""
        for line in ("drain", "drain n1 n2", "drain N_1", "drain n1 -timeout 3", "uncordon", "uncordon n1 -wait"):
            self.assertEqual(self.run_line(line).status, 2, line)
        self.assertNotIn("put", self.store.calls[2:])


class WaitTests(DrainCase):
    """A drain whose end is waited for."""

    def test_data_stays(self) -> None:
        """When only what has its data there is left it ends at once, with exit status 1: the host is not empty."""
        self.define(named("db", Container={"Volumes": ["data:/data"]}))
        done = self.run_line("drain n1 -wait")
        self.assertEqual(done.status, 1)
        self.assertEqual(
            done.stderr,
            "daprdockrcmd: n1 still has 1 instance that would stop with it: 1.db.myapp (it keeps data in data:/data)\n",
        )
        self.define(*(named(name, Container={"Volumes": ["data:/data"]}) for name in ("e", "f", "g")))
        self.assertIn("still has 4 instances that would stop with it", self.run_line("drain n1 -wait").stderr)

    def test_empty(self) -> None:
        """A node that has nothing is drained at once."""
        self.assertEqual(self.run_line("drain n1 -wait -timeout 0").status, 0)

    def test_nobody_is_ready_for_a_moment(self) -> None:
        """An instance that no other node takes now is waited for: one that is not ready may be in a moment."""
        self.define(named("web"))
        self.store.put(KEYS.node("n2"), NodeRecord(ready=False).encode(), self.store.lease)

        def turn() -> None:
            self.store.put(KEYS.node("n2"), NodeRecord().encode(), self.store.lease)
            self.claim(instance(1), "n2")

        self.store.coming = [turn]
        done = self.run_line("drain n1 -wait -timeout 5")
        self.assertEqual(
            (done.status, done.stdout.splitlines()),
            (
                0,
                [
                    "n1 is cordoned: 0 instances leave it, 1 stays",
                    "1.web.myapp stays: no other node takes instances now",
                    "1.web.myapp runs on n2, 0 to go",
                ],
            ),
        )

    def test_nobody_ever_takes_it(self) -> None:
        """At the timeout it names each that is left, with the reason, and ends with exit status 4."""
        self.define(named("web", Placement={"Constraints": ["disk == ssd"]}))
        done = self.run_line("drain n1 -wait -timeout 0")
        self.assertEqual((done.status, "is on n1 (no other node meets its constraints)" in done.stderr), (4, True))

    def test_unreadable(self) -> None:
        """An instance whose definition cannot be read is there too."""
        self.define(named("web"))
        self.store.put(KEYS.service(instance(1).service), b"{")
        done = self.run_line("drain n1 -wait -timeout 0")
        self.assertEqual((done.status, "1.web.myapp is on n1 (its definition is not usable" in done.stderr), (4, True))

    def test_runs_of_jobs(self) -> None:
        """A run of a job that the node has begun is waited for."""
        run = RunRecord(RunState.RUNNING, node="n1")
        self.store.put(KEYS.run(API, 7), run.encode())
        self.store.put(KEYS.run(API, 6), evolve(run, node="n2").encode())
        self.store.put(KEYS.run(API, 5), evolve(run, state=RunState.DONE).encode())
        done = self.run_line("drain n1 -wait -timeout 0")
        self.assertEqual(done.stderr, "daprdockrcmd: not done after 0 s: run 7 of api.myapp is under way on n1\n")
        self.store.coming = [lambda: self.store.put(KEYS.run(API, 7), evolve(run, state=RunState.DONE).encode())]
        self.assertEqual(self.run_line("drain n1 -wait").status, 0)

    def test_still_stopping(self) -> None:
        """Instances that were scaled down or deleted just before are waited for until they have stopped."""
        self.define(named("web"), named("api"))
        self.store.put(KEYS.service(instance(1).service), named("web", 0).encode())
        self.store.commit([], [Delete(KEYS.service(API))])
        done = self.run_line("drain n1 -wait -timeout 0")
        left = "1.api.myapp is still stopping on n1, 1.web.myapp is still stopping on n1"
        self.assertEqual((done.status, done.stderr), (4, f"daprdockrcmd: not done after 0 s: {left}\n"))
        claims = KEYS.claim(instance(1, API)), KEYS.claim(instance(1))
        self.store.coming = [lambda: self.store.commit([], [Delete(key) for key in claims])]
        self.assertEqual(self.run_line("drain n1 -wait").status, 0)

    def test_scaled_down(self) -> None:
        """An instance that is scaled down meanwhile is not said to run there."""
        self.define(named("web"))

        def stop() -> None:
            self.store.put(KEYS.service(instance(1).service), named("web", 0).encode())
            self.store.commit([], [Delete(KEYS.claim(instance(1)))])

        self.store.coming = [stop]
        done = self.run_line("drain n1 -wait")
        line = "1.web.myapp is still stopping on n1, 0 to go"
        self.assertEqual((done.status, done.stdout.splitlines()[1:]), (0, [line]))

    def test_progress(self) -> None:
        """It prints for each instance where it runs now, and ends with the last one that its data does not tie."""
        self.define(named("web", 2), named("db", Container={"Volumes": ["data:/data"]}))
        self.store.coming = [self.moves(instance(1), instance(2))]
        done = self.run_line("drain n1 -wait")
        self.assertEqual(
            (done.status, done.stdout.splitlines()[2:]),
            (1, ["1.web.myapp runs on n2, 1 to go", "2.web.myapp runs on n2, 0 to go"]),
        )

    def test_gone_and_stuck(self) -> None:
        """An instance that is not wanted any more is gone; one that nobody can take for a while is waited for."""
        self.define(named("web"), named("api"))

        def turn() -> None:
            self.store.commit([], [Delete(KEYS.claim(instance(1, API)))])
            self.store.put(KEYS.cordon("n2"), b"")
            self.claim(instance(1), "n2")

        self.store.coming = [turn]
        done = self.run_line("drain n1 -wait -timeout 5")
        self.assertEqual(
            (done.status, done.stdout.splitlines()[1:]),
            (
                0,
                [
                    "1.api.myapp is gone, 1 to go",
                    "1.web.myapp stays: no other node takes instances now, 1 to go",
                    "1.web.myapp runs on n2, 0 to go",
                ],
            ),
        )

    def test_json_is_one_document(self) -> None:
        """For programs nothing follows the object."""
        self.define(named("web"))
        self.store.coming = [self.moves(instance(1))]
        self.assertEqual(self.run_line("drain n1 -wait -o json").json["Leaving"], ["1.web.myapp"])

    def test_timed_out(self) -> None:
        """When the time is over it says what is left and who is about to take it, with exit status 4."""
        self.define(named("web", 2))
        self.store.put(KEYS.successor(instance(1)), evolve(WELL, node="n2").encode(), self.store.lease)
        done = self.run_line("drain n1 -wait -timeout 0")
        self.assertEqual(
            (done.status, done.stderr),
            (
                4,
                "daprdockrcmd: not done after 0 s: 1.web.myapp is on n1, n2 prepares to take it over,"
                " 2.web.myapp is on n1\n",
            ),
        )

    def doubt(self) -> None:
        self.store.put(KEYS.doubts + "n1", DoubtRecord(7, "it went back").encode())

    def test_frozen(self) -> None:
        """A frozen node may run containers that etcd does not know: it is never said to be empty."""
        reason = "it doubts this etcd: it went back (daprdockrcmd trust-etcd shows what to do)"
        said = f"daprdockrcmd: n1 is frozen, {reason}\n"
        self.define(named("web"))

        def lose() -> None:
            self.store.commit([], [Delete(KEYS.claim(instance(1)))])
            self.doubt()

        self.store.coming = [lose]
        done = self.run_line("drain n1 -wait")
        self.assertEqual((done.status, done.stderr), (1, said))
        self.run_line("uncordon n1")
        for line in ("drain n1", "drain n1 -wait"):
            done = self.run_line(line)
            self.assertEqual((done.status, done.stdout, done.stderr), (1, "", said))
        self.assertEqual(self.cluster.cordoned, set())

    def test_away(self) -> None:
        """A node that is away may still run what it had, so it is waited for."""
        self.define(named("web"))

        def vanish() -> None:
            self.store.commit([], [Delete(KEYS.node("n1")), Delete(KEYS.claim(instance(1)))])

        def flicker() -> None:
            vanish()
            self.store.put(KEYS.node("n1"), NodeRecord().encode(), self.store.lease)

        self.store.coming = [vanish]
        done = self.run_line("drain n1 -wait -timeout 1")
        said = "daprdockrcmd: not done after 1 s: n1 is away, and may still run containers\n"
        self.assertEqual((done.status, done.stderr), (4, said))
        self.store.put(KEYS.node("n1"), NodeRecord().encode(), self.store.lease)
        self.claim(instance(1), "n1")
        self.store.coming = [flicker]
        self.assertEqual(self.run_line("drain n1 -wait").status, 0)

    def test_others_are_frozen(self) -> None:
        """When nobody takes an instance in time, it says how many nodes are frozen."""
        self.define(named("web"))
        self.store.put(KEYS.doubts + "n2", DoubtRecord(7, "it went back").encode())
        done = self.run_line("drain n1 -wait -timeout 0")
        self.assertEqual(done.status, 4)
        self.assertIn("; n2 is frozen: daprdockrcmd nodes says why", done.stderr)

    def test_called_off(self) -> None:
        """When somebody uncordons the node meanwhile it says so, with exit status 1."""
        self.define(named("web"))
        self.store.coming = [lambda: self.run_line("uncordon n1")]
        done = self.run_line("drain n1 -wait")
        self.assertEqual((done.status, "not drained any more" in done.stderr), (1, True))
