"""daprdockr itself: one agent as in production, with DNS, nginx and API, beside an etcd of three members."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing

from benchmarks import report
from benchmarks.clock import Changes, now, seconds
from benchmarks.containers import Containers
from daprdockr.etcd.store import EtcdStore
from daprdockr.model.host import LABEL_NODE
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.keys import Keys
from tests.rig.agent_process import AgentProcess
from tests.rig.etcd_members import EtcdMembers

LEASE_TTL = 6
"""Seconds: the agent's own default."""


class Daprdockr:
    """
    One service at a time, set and deleted by ``daprdockrcmd``.

    It has no ``Http`` and so no health check: what is measured is the way to a running container, as for all others.
    """

    def __init__(self, engine: str, image: str, run: str, members: EtcdMembers) -> None:
        self._image = image
        self._agent = AgentProcess(members.urls, engine, prefix=run)
        self._containers = Containers(engine, f"{LABEL_NODE}={self._agent.node}")
        self._store = EtcdStore(members.access)
        self._keys = Keys(f"/{run}")
        self._name = ServiceName(group=run, service="web")

    def start(self) -> None:
        self._agent.start(LEASE_TTL)

    def converge(self, count: int) -> Mapping[str, float]:
        words = ["-svc", str(self._name), "-set", "-image", self._image, "-instances", str(count)]
        with closing(Changes(self._store, self._keys.root)) as changes:
            begin = now()
            self._agent.command(*words)
            running = self._containers.wait_running(count, begin)
            stored = changes.until(self._is_definition, f"the definition of {self._name}")
            told = changes.until(self._all_well(count), f"{count} healthy claims")
        return {
            report.DAPRDOCKR: seconds(begin, running),
            report.DAPRDOCKR_STORED: seconds(stored, running),
            report.DAPRDOCKR_TOLD: seconds(begin, told),
        }

    def _is_definition(self, entry: Entry) -> bool:
        return entry.key == self._keys.service(self._name)

    def _all_well(self, count: int) -> Callable[[Entry], bool]:
        """Whether, with this entry, all claims have reported that their instances run and are healthy."""
        well: set[str] = set()

        def take(entry: Entry) -> bool:
            if isinstance(self._keys.read(entry.key), InstanceName):
                record = ClaimRecord.decode(entry.value)
                if record.state is State.RUNNING and record.healthy:
                    well.add(entry.key)
            return len(well) == count

        return take

    def kill(self) -> Mapping[str, float]:
        return {report.DAPRDOCKR: self._containers.kill_one()}

    def clear(self) -> None:
        self._agent.command("-svc", str(self._name), "-del")
        self._containers.wait_gone()

    def close(self) -> None:
        self._containers.close()
        self._agent.close()
        self._store.close()
