"""
The searches of the models of the protocols, docs/model/*.pml, and their mutants: values only, which
``tools.check_model`` has spin carry out.

A mutant is the model without one of its rules; a violation of the law that the rule is there for must be found.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MEMORY_LIMIT = 6000
"""MiB for one search; two run side by side."""

LAWS = {
    "harmed[s]": "a claim turned from a copy that serves to one that is not proven",
    "slow[": "a container was stopped to which a node still led",
    "harmed[k]": "a healthy container was stopped for one that is not",
    "harmed[0]": "fewer instances were healthy than wanted",
    "!=i": "the dead kept a slot",
    "etcd[4]": "a container was replaced without a slot",
    "(v&64)&&": "a slot was freed that was meant for something newer",
    "violated (v&64)": "a person's change was undone",
    "(reverts==1)": "a rollout was reverted twice",
    "(etcd[s]&3)==i": "a write changed another's claim or slot",
    "(etcd[s]==0)": "a slot was left over",
    "etcd[2]": "it settled with an instance that does not run what is stored",
    "(v&3)==i": "a write changed another's claim",
    "(v&3)&&(v&128)": "a claim changed hands without its owner's wish",
    "in_touch[": "a container was stopped while frozen",
    "beaten[": "a healthy container was stopped without a cause of rule 2",
    "etcd[q]": "it settled with an instance that does not run once, healthy, where its claim says",
    "(found==1)": "two copies run with OnPartition stop",
    "violated found": "the last healthy copy was stopped",
    "non-progress": "it never settles",
}
"""The meaning of a violated assertion, by a part of the verifier's message; the first that fits."""


@dataclass(frozen=True)
class Check:
    """
    A search, or with ``law`` a mutant that must break it. ``faults`` None: as many as there are orders for.

    ``of`` is the model. ``renames`` says whether nodes and instances may change names, of which a search of ``claims``
    then keeps one order only.
    """

    name: str
    switches: tuple[str, ...] = ()
    nodes: int = 3
    instances: int = 1
    faults: int | None = 3
    lag: int = 2
    cycles: bool = False
    law: str = ""
    renames: bool = True
    of: str = "claims"

    @property
    def defines(self) -> list[str]:
        if self.of == "rollouts":
            return [f"-DFAULTS={self.faults}", *(f"-D{switch}" for switch in self.switches)]
        found = [f"-DNODES={self.nodes}", f"-DINSTANCES={self.instances}", f"-DLAG={self.lag}"]
        if self.faults is not None:
            found.append(f"-DFAULTS={self.faults}")
        if self.renames and not self.law:
            found.append("-DSYMMETRY")
        return [*found, *(f"-D{switch}" for switch in self.switches)]

    @property
    def bounds(self) -> str:
        if self.of == "rollouts":
            return f"2 nodes, 2 inst., {self.faults} faults"
        faults = "any" if self.faults is None else str(self.faults)
        return f"{self.nodes} nodes, {self.instances} inst., {faults} faults"

    @property
    def model(self) -> str:
        return f"{self.of}.pml"

    @property
    def compiling(self) -> list[str]:
        """
        All state is shared, so partial order reduction finds nothing. A state has 100 to 150 bytes: stored as it is it
        takes less memory, and less than two thirds of the time, than with COLLAPSE. Optimization beyond -O1 costs more
        than it saves, and of a mutant all of it does.
        """
        found = ["-w", "-DNP" if self.cycles else "-DSAFETY", "-DNOREDUCE", "-DNOFAIR", f"-DMEMLIM={MEMORY_LIMIT}"]
        return [*found, "-O0" if self.law else "-O1"]


SEARCHES = [
    Check("keep", faults=4),
    Check("keep-two-instances", instances=2, faults=2),
    Check("keep-any-faults", nodes=2, faults=None),
    Check("keep-settles", cycles=True),
    Check("keep-settles-two-instances", instances=2, faults=1, cycles=True),
    Check("stop", ("ON_PARTITION_STOP",), faults=6),
    Check("stop-two-instances", ("ON_PARTITION_STOP",), instances=2, faults=3),
    Check("stop-any-faults", ("ON_PARTITION_STOP",), nodes=2, faults=None),
    Check("stop-settles", ("ON_PARTITION_STOP",), cycles=True),
    Check("last-copy", ("NO_DEATHS",), faults=4),
    Check("last-copy-any-faults", ("NO_DEATHS",), nodes=2, faults=None),
    Check("rollout", of="rollouts", faults=1),
    Check("rollout-two-slots", ("PARALLELISM=2",), of="rollouts", faults=1),
    Check("rollout-bad", ("BAD=2",), of="rollouts", faults=1),
    Check("rollout-superseded", ("CHANGES=2",), of="rollouts", faults=1),
    Check("rollout-stop-first", ("STOP_FIRST",), of="rollouts", faults=1),
    Check("rollout-bad-superseded", ("BAD=2", "CHANGES=2"), of="rollouts", faults=1),
    Check("rollout-bad-stop-first", ("STOP_FIRST", "BAD=2"), of="rollouts", faults=1),
]


def mutant(name: str, law: str, *switches: str) -> Check:
    return Check(name, (*switches, name.upper().replace("-", "_")), law=law)


def rollout_mutant(name: str, law: str, *switches: str, faults: int = 1) -> Check:
    return replace(mutant(name, law, *switches), of="rollouts", faults=faults)


MUTANTS = [
    mutant("no-fence", "(v&3)==i"),
    mutant("no-lease-compared", "(v&3)==i"),
    mutant("move-over-any-claim", "(v&3)&&(v&128)"),
    mutant("stops-on-absence", "beaten["),
    mutant("stops-when-taken", "beaten["),
    mutant("stops-while-frozen", "in_touch["),
    mutant("believes-any-etcd", "beaten["),
    mutant("trusts-view-after-lost-answer", "beaten["),
    mutant("tells-while-stopping", "violated found", "NO_DEATHS"),
    mutant("keeps-surplus", "etcd[q]"),
    mutant("never-withdraws", "etcd[q]"),
    mutant("no-guard", "(found==1)", "ON_PARTITION_STOP"),
    mutant("agent-starts", "(found==1)", "ON_PARTITION_STOP"),
    mutant("starts-any-time", "(found==1)", "ON_PARTITION_STOP"),
    mutant("start-first", "(found==1)", "ON_PARTITION_STOP"),
    mutant("ends-while-certain", "(found==1)", "ON_PARTITION_STOP"),
    rollout_mutant("no-slot", "etcd[4]", faults=0),
    rollout_mutant("takes-taken-slot", "etcd[4]"),
    rollout_mutant("slot-without-lease", "!=i"),
    rollout_mutant("no-slot-compared", "(v&64)&&", "CHANGES=2"),
    rollout_mutant("stops-what-leads", "slow[", "STOP_FIRST", faults=0),
    rollout_mutant("stops-unseen", "slow[", faults=0),
    rollout_mutant("stops-unanswered", "harmed[s]", "CHANGES=2"),
    rollout_mutant("claims-unproven", "harmed[s]", "BAD=2", faults=0),
    rollout_mutant("forgets-what-served", "harmed[s]", "BAD=2"),
    rollout_mutant("reverts-a-revert", "(reverts==1)", "STOP_FIRST", "BAD=2"),
    rollout_mutant("no-definition-compared", "violated (v&64)", "BAD=2", "CHANGES=2"),
]
