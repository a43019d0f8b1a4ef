# -*- test-case-name: tests.unit.cli.commands.test_init,tests.unit.cli.commands.test_join -*-
"""The agent of a host that has become a part of a cluster, and the etcd in which it reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from attrs import frozen

from daprdockr.cli.agent_unit import AgentUnit
from daprdockr.cli.outcome import TimedOut
from daprdockr.cli.request import Request
from daprdockr.etcd.address import Access
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput, EtcdUnavailable
from daprdockr.model.seams import Store
from daprdockr.model.stored.node import NodeRecord
from daprdockr.process.machine import this_machine

PAUSE = 0.5
"""Seconds between two questions whether the agent runs."""


def record_of(request: Request, store: Store, node: str) -> NodeRecord | None:
    """
    Return the record of the node of this host; None where its agent does not report, as where another machine has its
    name, such as the one that it is a clone of.
    """
    entry = store.get(request.keys.node(node))
    record = None if entry is None else NodeRecord.decode(entry.value)
    return record if record is not None and record.machine in ("", this_machine()) else None


@frozen
class OwnAgent:
    """
    The agent of this host, started and awaited.

    :ivar unit: has it run.
    :ivar connect: opens the connection to etcd.
    :ivar clock: monotonic seconds, and ``pause`` blocks for so many.
    """

    request: Request
    unit: AgentUnit
    connect: Callable[[Access], Store]
    clock: Callable[[], float]
    pause: Callable[[float], None]

    @contextmanager
    def etcd(self, files: ClusterFiles) -> Iterator[Store]:
        """Give the cluster's etcd, and close the connection. :raises BadInput: this user may not know the way."""
        access = files.access()
        if access is None:
            raise BadInput(f"{files.directory} cannot be read: run this as root")
        with closing(self.connect(access)) as store:
            yield store

    def awaited(self, store: Store, node: str) -> NodeRecord:
        """Return the record of a node as soon as its agent reports. :raises TimedOut: not within the timeout."""
        request = self.request
        end = self.clock() + request.timeout
        while True:
            reason = ""
            try:
                record = record_of(request, store, node)
            except EtcdUnavailable as error:
                record, reason = None, f" ({error})"
            if record is not None:
                return record
            if self.clock() >= end:
                remedy = "its log says why, mend that" if self.unit.runs else "start it"
                raise TimedOut(
                    f"the agent of {node} does not report after {request.timeout:g} s{reason}: {remedy}, and run the"
                    " same again"
                )
            self.pause(PAUSE)
