"""
The five steps of docs/guide/tls.rst for automatic certificates, as they are written there, with real agents, etcd and
Pebble: a host name by HTTP, and a ``*.`` name by the agents' own DNS.
"""

from __future__ import annotations

import re
import shlex
from functools import partial

from daprdockr.model.stored.sealed import SealedValue
from daprdockr.sealing.certificates import open_pair
from daprdockr.sealing.key_file import read_keys
from tests.rig.acme_case import AcmeTestCase
from tests.rig.agent_process import AgentProcess
from tests.rig.dns.recursive import Recursive
from tests.rig.docker_engine import until
from tests.unit.house.sources import CHECKOUT

OTHER = "*.example.org"
"""A name whose records nobody has set."""


def guide() -> str:
    text = (CHECKOUT / "docs/guide/tls.rst").read_text("utf-8")
    return text.partition("Automatic certificates\n---")[2].partition("What a service can ask for")[0]


class WildcardTests(AcmeTestCase):
    """Two nodes with the cluster key and one without; Pebble's resolver asks all of them in turn."""

    def setUp(self) -> None:
        super().setUp()
        self.options_typed = dict(re.findall(r"^ +--(acme-[a-z]+) (\S+)$", guide(), re.M))
        self.commands = [shlex.split(line) for line in re.findall(r"^ +daprdockrcmd (.+)$", guide(), re.M)]
        self.records = re.findall(r"^ +(\S+)\.  +([A-Z]+) +(\S+?)\.?$", guide(), re.M)

    def test_guide(self) -> None:
        """
        Both names get certificates: each question of the server found the text, at whichever node, and no node answers
        with it afterwards. For a ``*.`` name without its CNAME the reason says which to set.
        """
        agents = [self.agent(name) for name in ("c", "a", "b")]
        third, key = agents[0], agents[0].home / "cluster.key"
        third.command("secret", "key", str(key))
        pebble = self.idle_pebble(third.http_port)
        resolver, zone = self.resolver(pebble.dns_port, agents)
        pebble.resolver = resolver.port
        pebble.__enter__()
        for agent in agents[1:]:
            agent.options = tuple(self.options(pebble, str(key), **self.options_typed))
        for agent in agents:
            agent.start()
        until(lambda: bool(self.renewer()))
        define, *shown = self.commands
        third.command(*define)
        self.define(third, OTHER)
        names = define[define.index("-http-host") + 1].split(",")
        self.assertEqual([name[:2] == "*." for name in names], [False, True])
        for name in names:
            until(partial(self.is_certified, name), seen=lambda: third.command("certificates"))
            sealed = self.store.get(self.keys.sealed_certificate(name))
            assert sealed is not None
            self.assertIn("PRIVATE KEY", open_pair(read_keys(key), name, SealedValue.decode(sealed.value)).key)
        self.check_texts(resolver, zone, agents)
        until(lambda: self.renewal(OTHER).failures > 0)
        table, events = (third.command(*words) for words in shown)
        for name in names:
            self.assertRegex(table, rf"(?m)^{re.escape(name)} +acme +\d+ ")
            self.assertIn("a new certificate is stored", events)
        self.assertIn(f"set _acme-challenge.example.org. CNAME example.org.{zone}.", table)

    def resolver(self, others: int, agents: list[AgentProcess]) -> tuple[Recursive, str]:
        """The resolver that has the records of the guide, and the zone that they delegate to the agents."""
        aliases = {name: target for name, kind, target in self.records if kind == "CNAME"}
        ((zone, server),) = [(name, target) for name, kind, target in self.records if kind == "NS"]
        self.assertEqual({name for name, kind, _ in self.records if kind == "A"}, {server})
        self.assertEqual(zone, self.options_typed["acme-zone"])
        found = Recursive(others, aliases, {zone: [agent.dns_port for agent in agents]})
        self.addCleanup(found.close)
        return found, zone

    def check_texts(self, resolver: Recursive, zone: str, agents: list[AgentProcess]) -> None:
        """Each question found the one text, and now it is gone; the zone says that it is the agents'."""
        texts = [found for name, kind, found in resolver.asked if (name, kind) == (f"example.com.{zone}", "TXT")]
        self.assertEqual((len(texts) > 0, set(texts)), (True, {1}))
        for agent in agents:
            until(partial(self.has_no_text, agent, zone))
            self.assertEqual((agent.dig(zone, "NS"), agent.dig(f"ns.{zone}")), (f"ns.{zone}.", "127.0.0.1"))

    def is_certified(self, name: str) -> bool:
        return self.certificate(name) is not None

    def has_no_text(self, agent: AgentProcess, zone: str) -> bool:
        return agent.status(f"example.com.{zone}", "TXT") == "NXDOMAIN"
