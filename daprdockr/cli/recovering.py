# -*- test-case-name: tests.unit.cli.commands.test_recover -*-
"""
The member of etcd that is left when the others are lost for good goes on alone, by etcd's own
``--force-new-cluster``.

Note [Recovered by a restart]
    Only the agent starts etcd. So the command leaves a request beside the files of the host and ends etcd; the agent
    starts it again within seconds, and gives it the flag once: Note [Alone at one start] in ``etcd.cluster_files``. The
    agent and all containers go on meanwhile, as in any outage of etcd.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from daprdockr.cli.own_agent import OwnAgent
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput, EtcdError, EtcdRefused
from daprdockr.model.etcd_member import EtcdMember, HostPart, client_url
from daprdockr.model.seams import Store
from daprdockr.planning.etcd_departure import given_up


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
        self.end()
        self.say("etcd was ended; the agent starts it alone")
        if not agent.unit.runs:
            agent.unit.start()
        agent.awaited(store, self.part.node)
        left = self.ask().members
        if len(left) != 1:
            raise EtcdRefused("etcd has all its members still: run the same again")
        self.files.write_endpoints((self.url,))
        self.say(f"etcd goes on with {self.part.node} alone")
        self.say("the line for new hosts: daprdockrcmd invite. Those given up must not come back: wipe them")
