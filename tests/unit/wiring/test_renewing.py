"""The renewer of an agent: where there is one, when it may hold its office, and whom it asks for addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.acme.keys import SigningKey
from daprdockr.acme.server import AcmeServer
from daprdockr.agent.membership.progress import ClusterProgress
from daprdockr.agent.office import Term
from daprdockr.agent.renewing.reaching import ReachByEither
from daprdockr.agent.renewing.renewer import Contacts
from daprdockr.arguments.acme import LETS_ENCRYPT, STAGING, Acme
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.lookup import Lookup
from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.key_file import create_keys
from daprdockr.wiring.renewing import renewer
from tests.fakes.agents import MemoryAgent, MemoryCluster

ACME = Acme("anna@example.com", staging=STAGING, zone="acme.test")


class NoProgress:
    """In the place of the nodes' progress."""


class RenewingTests(SynchronousTestCase):
    def agent(self, **changed: Any) -> MemoryAgent:
        """An agent that is in touch."""
        self.cluster = MemoryCluster(self)
        agent = self.cluster.add("a", **changed)
        self.cluster.advance(1)
        return agent

    def key(self) -> Path:
        file = Path(self.mktemp()).absolute()
        create_keys(file, (PrivateKey.generate(),))
        return file

    def held(self, agent: MemoryAgent) -> Term | None:
        parts = agent.parts
        made = renewer(parts.base, parts.found, cast(ClusterProgress, NoProgress()))
        assert made is not None
        return self.successResultOf(Deferred.fromCoroutine(made._office.hold()))

    def contacts(self, agent: MemoryAgent) -> Contacts:
        parts = agent.parts
        made = renewer(parts.base, parts.found, cast(ClusterProgress, NoProgress()))
        assert made is not None
        return made._connect(SigningKey.generate())

    def test_off(self) -> None:
        """Without an address for the server there is no renewer."""
        parts = self.agent().parts
        self.assertIsNone(renewer(parts.base, parts.found, cast(ClusterProgress, NoProgress())))

    def test_office(self) -> None:
        """A node holds the office under its lease, once it is in touch and has a key to open what it writes."""
        self.assertIsNone(self.held(self.agent(acme=ACME)))
        agent = self.agent(acme=ACME, cluster_key=self.key())
        term = self.held(agent)
        assert term is not None
        self.assertEqual(term.fence.lease, agent.heartbeat.lease)

    def test_out_of_touch(self) -> None:
        """A node that does not know what is wanted does not take it."""
        agent = self.agent(acme=ACME, cluster_key=self.key())
        self.cluster.store.unavailable = True
        self.cluster.advance(8)
        self.cluster.store.unavailable = False
        self.assertIsNone(self.held(agent))

    def test_contacts(self) -> None:
        """There is a server for each directory; without one for trials names are not tried."""
        servers = self.contacts(self.agent(acme=ACME)).servers
        assert isinstance(servers.usual, AcmeServer) and isinstance(servers.staging, AcmeServer)
        self.assertEqual((servers.usual.directory, servers.staging.directory), (LETS_ENCRYPT, STAGING))
        self.assertIsNone(self.contacts(self.agent(acme=evolve(ACME, staging=""))).servers.staging)

    def test_name_servers(self) -> None:
        """Addresses are asked of the name servers that were named, or else of those of this host; maybe of none."""
        asked = []
        for given in ({"dns_upstream": (("192.0.2.53", 53),)}, {"dns_upstream": None}):
            reaching = self.contacts(self.agent(acme=ACME, **given)).reaching
            assert isinstance(reaching, ReachByEither)
            names = reaching.text.names
            assert isinstance(names, Lookup)
            asked.append(tuple(names.servers()))
        self.assertEqual(asked, [(Endpoint("192.0.2.53", 53),), ()])
