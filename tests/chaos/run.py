"""A run from its first host to its last line: start, watch, ask, harm and heal, and leave nothing."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from attrs import frozen

from tests.chaos import reports, settled
from tests.chaos.container_watch import ContainerWatch
from tests.chaos.etcd_watch import EtcdWatch
from tests.chaos.faults import Fault
from tests.chaos.history import History
from tests.chaos.load import Load
from tests.chaos.scene import Scene, SuiteFailed
from tests.chaos.schedule import schedule
from tests.chaos.services import definitions
from tests.rig.cluster.cluster import Cluster
from tests.rig.cluster.network import CLIENT

PREFIX = "/daprdockr/"
SETTLE_WITHIN = 60.0
"""Seconds after the end of a fault within which all has to be well again."""

AT_REST = 5.0
"""Seconds of load before the first fault and after the last."""


@frozen
class Settings:
    """
    :param ttl: of the leases, in seconds. :param stopped: whether there is a service with ``OnPartition: stop``.
    :param kinds: the names of the only kinds of faults that come; () for all.
    """

    seed: int
    faults: int
    hosts: int = 5
    ttl: int = 5
    stopped: bool = True
    kinds: tuple[str, ...] = ()


def undisturbed() -> None:
    """From here on nothing cuts the clean-up short."""
    signal.alarm(0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


class Run:
    """
    :param logs: a directory for the output of all programs. :param say: is called with a line for people now and then.
    """

    def __init__(self, settings: Settings, history: History, logs: Path, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._history = history
        self._logs = logs
        self._say = say
        self._cluster = Cluster(settings.hosts, settings.ttl)
        self._scene = Scene(self._cluster, definitions(settings.stopped), history)

    def carry_out(self) -> None:
        """
        Until the last fault is over, or one is not over in time.

        :raises SuiteFailed, AssertionError: if the suite itself could not do what it has to.
        """
        with ExitStack() as stack:
            stack.callback(self._cluster.close)
            stack.callback(self._keep_logs)
            self._say("starting the hosts")
            try:
                self._act(stack)
            finally:
                undisturbed()

    def _act(self, stack: ExitStack) -> None:
        self._cluster.open()
        self._note_start()
        self._watch(stack)
        self._set_services()
        load = Load(self._cluster.hosts, self._scene.wanted, self._history, self._settings.seed)
        stack.callback(load.stop)
        load.start()
        self._scene.pause(AT_REST)
        well = self._suffer_all()
        self._scene.pause(AT_REST)
        self._history.note("end", settled=well)

    def _note_start(self) -> None:
        self._history.note(
            "start",
            at=0.0,
            wall=time.time() - self._history.now(),
            machine=f"{len(os.sched_getaffinity(0))} cores, Linux {platform.release()}",
            seed=self._settings.seed,
            ttl=self._settings.ttl,
            settle_within=SETTLE_WITHIN,
            hosts={host.name: host.address for host in self._cluster.hosts},
            services=self._scene.at_first,
        )

    def _watch(self, stack: ExitStack) -> None:
        members = [f"{host.address}:{CLIENT}" for host in self._cluster.etcd.hosts]
        containers = [ContainerWatch(host.name, host.engine, self._history) for host in self._cluster.hosts]
        watches: list[EtcdWatch | ContainerWatch] = [EtcdWatch(members, PREFIX, self._history), *containers]
        for watch in watches:
            watch.start()
            stack.callback(watch.stop)

    def _set_services(self) -> None:
        for service, definition in self._scene.at_first.items():
            self._scene.set(service, definition)
        seconds, lack = settled.until(partial(settled.lacking, self._scene), SETTLE_WITHIN)
        if lack:
            raise SuiteFailed(f"the services are not up after {seconds:.0f} s: {lack}")
        self._say(f"{len(self._scene.wanted.instances())} instances are up after {seconds:.1f} s")

    def _suffer_all(self) -> bool:
        """Whether each fault was over in time; after one that was not, nothing that follows would mean much."""
        settings = self._settings
        faults = schedule(settings.seed, settings.faults, settings.hosts, settings.kinds)
        return all(self._suffer(number, fault) for number, fault in enumerate(faults, 1))

    def _suffer(self, number: int, fault: Fault) -> bool:
        self._scene.harmed.clear()
        self._say(f"{number:3} {fault}")
        note = partial(self._history.note, "fault", number=number, kind=fault.name)
        note(phase="begin", hosts=fault.hosts)
        fault.begin(self._scene)
        self._scene.pause(fault.hold * self._settings.ttl)
        hosts = sorted({*fault.hosts, *self._scene.harmed})
        note(phase="heal", hosts=hosts)
        fault.heal(self._scene)
        seconds, lack = settled.until(partial(settled.lacking, self._scene), SETTLE_WITHIN)
        if lack:
            note(phase="unsettled", hosts=hosts, seconds=round(seconds, 1), lacking=lack)
            self._say(f"      NOT well again after {seconds:.0f} s: {lack}")
        else:
            note(phase="settled", hosts=hosts, seconds=round(seconds, 1))
            self._note_reports()
            self._say(f"      well again after {seconds:.1f} s")
        return not lack

    def _note_reports(self) -> None:
        """Write down all reports, now that it is quiet."""
        found = reports.moment(self._scene)
        self._history.note("reports", known=found.known, reports=found.reports, quiet=found.quiet)

    def _keep_logs(self) -> None:
        for log in self._cluster.home.path.glob("host*/*.log"):
            kept = self._logs / f"{log.parent.name}-{log.name}"
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, kept)
