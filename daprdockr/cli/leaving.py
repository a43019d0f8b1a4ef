# -*- test-case-name: tests.unit.cli.test_leaving -*-
"""
A host leaves its cluster in good order: its instances first, then the agent, then the member of etcd, then the files.

Note [Left in order]
    Each step can be taken again, so that an interrupted ``leave`` goes on. A refusal comes
    before anything is changed. When no container runs here any more, the host is marked: only then may its agent be
    absent. One that runs may have got instances since, so the mark does not count beside it, and one that begins
    removes it. The file that makes it a host of the cluster is the last one that is removed.

Note [The others are known first]
    A learner answers no client, so no agent has its address. Where it gets its vote because the only member that voted
    leaves, the agents need a moment to find out, before the one member that they know is gone; and this command asks
    the others from then on, however often it is run.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from attrs import evolve, frozen

from daprdockr.cli.agent_unit import AgentUnit
from daprdockr.cli.announce import announce
from daprdockr.cli.commands.drain import Draining, leave_or_stay
from daprdockr.cli.console import Console
from daprdockr.cli.outcome import TimedOut
from daprdockr.cli.own_agent import record_of
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import snapshot
from daprdockr.etcd.address import advertised
from daprdockr.etcd.cluster_files import LEFT, ClusterFiles
from daprdockr.etcd.member_change import MemberChanges
from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import HostPart, member_url
from daprdockr.model.seams import Store
from daprdockr.model.stored.cordon import asking_to_drain
from daprdockr.model.stored.entries import Delete
from daprdockr.picture.extent import number_of_instances
from daprdockr.planning.etcd_departure import departure
from daprdockr.planning.etcd_membership import MemberStep, PromoteMember, voters_urls
from daprdockr.planning.placing.leaving import keeps_data
from daprdockr.process.own_memory import USUAL, remove_own

PAUSE = 0.5
FOLLOWED = 6.0
"""Seconds in which agents, which list the members every two seconds, know one that has its vote."""
_PROCESSES = ("nginx", "relay", "guard", "etcd")
"""The directories of processes that outlive the agent, in the order in which they are ended."""
_KEPT = ("lost+found",)
_MOVE_DATA = "; move data along before (docs/guide/volumes.rst), for no command reaches it here when the host has left"


@frozen(kw_only=True)
class Leaving:
    """
    :ivar request: for this node, with its state directory.
    :ivar containers: returns the instances whose containers run here; None: the agent does not know them.
    :ivar clear: ends what outlives the agent, and removes what it kept: ``clear`` below.
    """

    request: Request
    console: Console
    part: HostPart
    unit: AgentUnit
    changes: MemberChanges
    containers: Callable[[], Sequence[str] | None]
    clear: Callable[[], None]

    @property
    def files(self) -> ClusterFiles:
        return ClusterFiles(self.request.state_dir)

    def make_ready(self, store: Store) -> None:
        """
        Hand over all that others need this host for.

        :raises DaprdockrError: it is not done, and can be run again.
        """
        self._steps()
        if self.unit.runs or not self.files.leaving.exists():
            self._hand_over(store)
            self.files.write(self.files.leaving, b"")
        self._end_agent()
        if self.part.is_member:
            self._leave_to_others()

    def go(self, store: Store) -> None:
        """
        Leave etcd, and clear this host.

        :param store: etcd, by the members of other hosts.
        :raises DaprdockrError: it is not done, and can be run again.
        """
        self._leave_etcd(store)
        self.files.write(self.files.leaving, LEFT)
        self.clear()

    def _steps(self) -> Sequence[MemberStep]:
        """:raises BadInput: etcd would have no quorum."""
        found = self.changes.members.list()
        return departure(found, member_url(self.part.address), [one.id for one in found if self.changes.is_up(one)])

    def _hand_over(self, store: Store) -> None:
        """:raises DaprdockrError: instances cannot leave, or have not left in time."""
        request, node = self.request, self.part.node
        if record_of(request, store, node) is None:
            raise BadInput(
                f"the agent of {node} does not report from this host: start it, so that its instances can move first"
            )
        cluster = snapshot(request, store)
        stay = {name: why for name, why in leave_or_stay(cluster, node).items() if why}
        if stay:
            name, why = next(iter(stay.items()))
            number = number_of_instances(len(stay))
            known = (cluster.services[one.service].definition for one in stay if one.service in cluster.services)
            has_data = any(map(keeps_data, known))
            data = _MOVE_DATA if has_data else ""
            raise BadInput(f"{number} cannot leave {node}, such as {name} ({why}): scale down or delete first{data}")
        store.put(request.keys.cordon(node), asking_to_drain())
        draining = Draining(request, store, self.changes.clock, self.changes.pause, self.console)
        draining.cluster = snapshot(request, store)
        draining.print_leavers()
        draining.finish()
        self._until(lambda: self.containers() == [], f"containers still run on {node}: wait, and run the same again")

    def _end_agent(self) -> None:
        self.unit.stop()
        self._until(lambda: not self.unit.runs, "the agent of this host runs still: end it, and run the same again")
        self.console.say("the agent has ended")

    def _leave_to_others(self) -> None:
        """See Note [The others are known first]."""
        own, members = member_url(self.part.address), self.changes.members
        self.changes.carry_out(lambda: [step for step in self._steps() if isinstance(step, PromoteMember)])
        others = voters_urls([one for one in members.list() if own not in one.peers])
        known = self.files.access()
        if known is None or not set(known.endpoints) & set(advertised(others)):
            self.console.say("waiting until the agents know the member that votes now")
            self.changes.pause(FOLLOWED)
        self.files.write_endpoints(others)

    def _leave_etcd(self, store: Store) -> None:
        if self.part.is_member:
            self.changes.carry_out(self._steps)
            self.console.say("etcd goes on without the member of this host")
        keys, node = self.request.keys, self.part.node
        store.commit([], [Delete(keys.node(node)), Delete(keys.cordon(node))])
        announce(self.request, store, "has left the cluster", node)

    def _until(self, done: Callable[[], bool], otherwise: str) -> None:
        """:raises TimedOut: it is not so in time."""
        end = self.changes.clock() + self.request.timeout
        while not done():
            if self.changes.clock() >= end:
                raise TimedOut(f"{otherwise} (waited {self.request.timeout:g} s)")
            self.changes.pause(PAUSE)


def clear(
    files: ClusterFiles,
    part: HostPart,
    end: Callable[[Path], object],
    say: Callable[[str], object],
    memory: Sequence[Path] = USUAL,
) -> None:
    """
    End the processes of this host, and remove what its agent kept: the last step of all.

    :param end: ends the process that is recorded in a file.
    :param memory: the places in memory where the agent may have keys.
    :raises BadInput: a file cannot be removed.
    """
    for name in _PROCESSES:
        if end(files.state / name / "process.json"):
            say(f"{name} was ended")
    try:
        remove_own(memory, part.node, files.state)
        remove_state(files)
    except OSError as error:
        raise BadInput(f"{error.filename} cannot be removed: {error.strerror}") from None
    say(f"removed what the agent kept in {files.state}, certificates and keys too")
    say(f"{part.node} has left the cluster; its images and volumes are still here")


def remove_state(files: ClusterFiles) -> None:
    """Remove all that an agent keeps, and last what makes the host a part of a cluster. :raises OSError: it cannot."""
    for path in (*files.state.iterdir(), *files.directory.iterdir()):
        if path.name in _KEPT or path in (files.directory, files.host, files.leaving):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    files.leaving.unlink(missing_ok=True)  # before the last one: it must not be there when the host joins again
    files.host.unlink(missing_ok=True)
    with suppress(OSError):
        files.directory.rmdir()


def for_node(request: Request, part: HostPart, files: ClusterFiles) -> Request:
    """Return the request as one about this node, which its agent answers."""
    from daprdockr.arguments.local_reads import SOCKET

    return evolve(request, node=part.node, access=files.access(), local=str(files.state / SOCKET), wait=True)
