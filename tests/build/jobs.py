"""Jobs and their runs: definitions, situations, and what etcd holds."""

from __future__ import annotations

from typing import Any

from daprdockr.model.host import ContainerState, Status
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.revisioned import KnownRun, Service
from daprdockr.model.stored.run import RunRecord, RunState, place_of
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.situation import Here, OnHost, Placing, Runs, Situation, Wanted
from tests.build.situations import IMAGES, candidates
from tests.build.values import KEYS
from tests.fakes.agents import MemoryAgent
from tests.fakes.store import MemoryStore

REPORT = ServiceName(group="myapp", service="report")

CREATED, DEFINED = 6, 7
"""The create and mod revision of the definition in ``situation_of``."""

MINUTE = 60


def job(**schedule: Any) -> Definition:
    """The job ``report.myapp``, due each minute unless another ``Cron`` is given, or it runs ``Once``."""
    given = schedule if "Once" in schedule else {"Cron": "* * * * *", **schedule}
    members = {"Name": "report", "Group": "myapp", "Container": {"Image": "web:1"}, "Schedule": given}
    return Definition.read(members)


def record(state: RunState = RunState.RUNNING, **changed: Any) -> RunRecord:
    """A record of that job, which is settled until 600."""
    return RunRecord(state, **{"until": 600, "schedule": "* * * * * UTC", "job": CREATED, **changed})


def carrying(number: int, status: Status = Status.RUNNING, **changed: Any) -> ContainerState:
    """A container of a run."""
    given = {"id": f"c{number}", "run": number, "revision": 10, "cluster": 1, **changed}
    return ContainerState(
        name=f"{number}.report.myapp-x", instance=place_of(REPORT, number), definition="d", status=status, **given
    )


def situation_of(
    definition: Definition | None,
    *records: RunRecord,
    wall: float = 630.0,
    nodes: str = "a",
    host: OnHost | None = None,
    here: Here | None = None,
    **runs: Any,
) -> Situation:
    """The job on node ``a``; its records are numbered from 1 on, and have the revisions 11, 12, and so on."""
    known = {n: KnownRun(n, one, 10 + n, 10 + n) for n, one in enumerate(records, 1)}
    return Situation(
        here=here or Here("a", lease=5, in_touch=True, cluster=1, revision=100),
        name=REPORT,
        wanted=Wanted(Service(definition, CREATED, DEFINED) if definition is not None else None),
        host=host or OnHost(image=IMAGES["web:1"]),
        placing=Placing(candidates(*nodes)),
        runs=Runs(known, wall=wall, **runs),
    )


def records_in(store: MemoryStore) -> dict[int, RunRecord]:
    """The records of the job in etcd, by number."""
    entries = store.list(KEYS.runs(REPORT)).entries
    return dict(sorted((int(one.key.rpartition("/")[2]), RunRecord.decode(one.value)) for one in entries))


def end_runs(*agents: MemoryAgent, status: int = 0) -> int:
    """All containers of runs end that run on these hosts, after they logged a line; how many."""
    ended = [(agent, one) for agent in agents for one in agent.running if one.run]
    for agent, one in ended:
        agent.docker.log(one.id, b"counted 7\n")
        agent.docker.crash(one.id, status)
    return len(ended)
