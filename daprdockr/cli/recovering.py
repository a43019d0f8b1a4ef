# -*- test-case-name: tests.unit.cli.commands.test_recover -*-
"""
The member of etcd that is left when the others are lost for good goes on alone, by etcd's own
``--force-new-cluster``.

Note [Recovered by a restart]
    Only the agent starts etcd. So the command leaves a request beside the files of the host and ends etcd; the agent
    starts it again within seconds, and gives it the flag once: Note [Alone at one start] in ``etcd.cluster_files``. The
    agent and all containers go on meanwhile, as in any outage of etcd. A command that fails takes its request back.

Note [What is lost may be missed]
    An agent that had seen a write of the lost members alone finds that it is missing, and freezes. It finds out when it
    lists etcd again: at once if the revision went back, else within a minute. So the command waits a little for
    doubts, and if there is none, the last line says where one would be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from attrs import frozen

from daprdockr.cli.own_agent import PAUSE, OwnAgent
from daprdockr.cli.snapshot import doubts
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput, EtcdError, EtcdRefused, EtcdUnavailable
from daprdockr.model.etcd_member import EtcdMember, HostPart, client_url
from daprdockr.model.seams import Store
from daprdockr.model.stored.doubts import COMMAND, DoubtRecord
from daprdockr.planning.etcd_departure import given_up

LOOK = 5.0
"""Seconds in which agents may report that they doubt: Note [What is lost may be missed]."""


@frozen
class OwnKnowledge:
    """The members and the revision that the member of this host knows, asked of it alone."""

    members: tuple[EtcdMember, ...] = ()
    revision: int = 0


@frozen(kw_only=True)
class Recovery:
    """
    :ivar ask: asks the member of this host.
    :ivar listens: whether something listens at a URL.
    :ivar end: ends the etcd of this host.
    :ivar say: prints a line.
    """

    files: ClusterFiles
    part: HostPart
    ask: Callable[[], OwnKnowledge]
    listens: Callable[[str], bool]
    end: Callable[[], object]
    say: Callable[[str], None]

    @property
    def url(self) -> str:
        return client_url(self.part.address)

    def explain(self) -> None:
        """Print what is to happen. :raises BadInput: it may not."""
        access = self.files.access()
        if access is None:
            raise BadInput(f"{self.files.directory} cannot be read: run this as root")
        if not self.files.has_data:
            raise BadInput(
                f"the data of etcd in {self.files.state}/etcd/data are gone: run this on another host with a member; if"
                " none has its data, the log of the agent on the host of init says how an empty etcd begins"
            )
        voters = [f"https://{endpoint}" for endpoint in access.endpoints]
        lost = given_up(self.url, voters, [url for url in voters if url != self.url and self.listens(url)])
        try:
            own = self.ask()
        except EtcdError:
            own = OwnKnowledge()
        names = {url: one.name for one in own.members for url in one.clients}
        for url in lost:
            self.say(f"the member of etcd {names[url] + ' ' if names.get(url) else ''}at {url} is given up for good")
        since = f"revision {own.revision}" if own.revision else "the newest revision that it has"
        self.say(f"that of {self.part.node} goes on alone from {since}: what only the others had is lost")
        self.say("no container is stopped. If the others run behind a broken network, mend that instead")

    def carry_out(self, agent: OwnAgent, store: Store) -> None:
        """
        :param store: the etcd of this host alone.
        :raises DaprdockrError: it is not done, and can be run again.
        """
        self.files.write(self.files.recovery, b"")
        try:
            self._restart(agent, store)
        except BaseException:
            self._take_back()
            raise
        self.files.write_endpoints((self.url,))
        self.say(f"etcd goes on with {self.part.node} alone")
        self._say_doubts(agent, store)
        self.say("the line for new hosts: daprdockrcmd invite. Those given up must not come back: wipe them")

    def _restart(self, agent: OwnAgent, store: Store) -> None:
        self.end()
        self.say("etcd was ended; the agent starts it alone")
        if not agent.unit.runs:
            agent.unit.start()
        agent.awaited(store, self.part.node)
        if len(self.ask().members) != 1:
            raise EtcdRefused("etcd has all its members still: run the same again")

    def _take_back(self) -> None:
        """Remove a request that no agent took: a start next week, when the others are back, must not give them up."""
        try:
            if self.files.take_recovery():
                self.say("no member is given up: at its next start etcd goes on with all of them")
        except BadInput as error:
            self.say(f"{error}: remove it, or the next start of etcd gives the others up")

    def _say_doubts(self, agent: OwnAgent, store: Store) -> None:
        """See Note [What is lost may be missed]."""
        end, found = agent.clock() + LOOK, dict[str, DoubtRecord]()
        while not found and agent.clock() < end:
            agent.pause(PAUSE)
            with suppress(EtcdUnavailable):
                found = doubts(agent.request, store)
        for node, record in sorted(found.items()):
            self.say(f"{node} is frozen, it doubts this etcd: {record.reason}")
        if found:
            self.say(f"{COMMAND} shows what these nodes would stop, and lets them go on: run it next")
        else:
            self.say(f"no agent doubts this etcd so far; if daprdockrcmd nodes shows one in a minute, run {COMMAND}")
