"""
Certificates by ACME with real agents, etcd, nginx and servers: Pebble, asked as docs/guide/tls.rst says in its five
steps, and servers that issue nothing. ``ATTEMPTS=3`` waits for so many attempts at each of the latter.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from functools import partial

from daprdockr.model.stored.certificate import ACME
from daprdockr.model.stored.sealed import SealedValue
from daprdockr.sealing.certificates import open_pair, read_pair
from daprdockr.sealing.key_file import read_keys
from tests.rig.acme_case import AcmeTestCase
from tests.rig.agent_process import AgentProcess
from tests.rig.bad_acme import DETAIL, GARBAGE, HANG, REFUSE, BadAcme
from tests.rig.dns.recursive import Recursive
from tests.rig.docker_engine import until
from tests.rig.pebble import Pebble
from tests.unit.house.sources import CHECKOUT

ATTEMPTS = int(os.environ.get("ATTEMPTS", "1"))
OTHER, ELSEWHERE = "*.example.org", "elsewhere.example.com"
"""A name whose records nobody has set, and one that leads to another host."""


def guide() -> str:
    text = (CHECKOUT / "docs/guide/tls.rst").read_text("utf-8")
    return text.partition("Automatic certificates\n---")[2].partition("What a service can ask for")[0]


class GuideTests(AcmeTestCase):
    """
    Two nodes with the cluster key and one without, which Pebble asks for its challenges by HTTP; its resolver asks all
    of them in turn. Pebble rejects nonces, and serves as its own staging directory.
    """

    def setUp(self) -> None:
        super().setUp()
        self.typed = dict(re.findall(r"^ +--(acme-[a-z]+) (\S+)$", guide(), re.M))
        self.commands = [shlex.split(line) for line in re.findall(r"^ +daprdockrcmd (.+)$", guide(), re.M)]
        self.records = re.findall(r"^ +(\S+)\.  +([A-Z]+) +(\S+?)\.?$", guide(), re.M)
        self.agents = [self.agent(name) for name in ("c", "a", "b")]
        self.third = self.agents[0]
        self.key = self.third.home / "cluster.key"
        self.third.command("secret", "key", str(self.key))

    def begin(self) -> tuple[Pebble, Recursive, str]:
        """Start all of them; Pebble, the resolver that has the records of the guide, and the zone of those."""
        aliases = {name: target for name, kind, target in self.records if kind == "CNAME"}
        ((zone, server),) = [(name, target) for name, kind, target in self.records if kind == "NS"]
        self.assertEqual({name for name, kind, _ in self.records if kind == "A"}, {server})
        self.assertEqual(zone, self.typed["acme-zone"])
        pebble = self.idle_pebble(self.third.http_port, PEBBLE_WFE_NONCEREJECT="30")
        resolver = Recursive(pebble.dns_port, aliases, {zone: [agent.dns_port for agent in self.agents]})
        self.addCleanup(resolver.close)
        pebble.resolver = resolver.port
        pebble.__enter__()
        pebble.tell_dns("add-a", host=ELSEWHERE, addresses=["127.0.0.99"])
        given = {"acme-staging": pebble.directory} | self.typed
        for agent in self.agents[1:]:
            agent.options = tuple(self.options(pebble, str(self.key), **given))
        for agent in self.agents:
            agent.start()
        until(lambda: bool(self.renewer()))
        return pebble, resolver, zone

    def test_guide(self) -> None:
        """
        Both names of the guide get certificates: each question of the server found the text, at one node or another,
        and no node answers with it afterwards. For a name that leads elsewhere, and a ``*.`` name without its CNAME, no
        order is made, and the reason says what to do.
        """
        pebble, resolver, zone = self.begin()
        define, *shown = self.commands
        self.third.command(*define)
        self.define(self.third, OTHER, ELSEWHERE)
        names = define[define.index("-http-host") + 1].split(",")
        self.assertEqual([name[:2] == "*." for name in names], [False, True])
        for name in names:
            until(partial(self.is_certified, name), seen=lambda: self.third.command("certificates"))
            self.check_stored(name)
        self.check_texts(resolver, zone)
        for name in (OTHER, ELSEWHERE):
            until(partial(self.has_failed, name, 1))
        table, events = (self.third.command(*words) for words in shown)
        for name in names:
            self.assertRegex(table, rf"(?m)^{re.escape(name)} +acme +\d+ ")
            self.assertIn("a new certificate is stored", events)
        self.assertIn(f"set _acme-challenge.example.org. CNAME example.org.{zone}.", table)
        self.assertIn("has the address 127.0.0.99", table)
        self.assertEqual(pebble.orders, 2 * len(names))

    def check_stored(self, name: str) -> None:
        """The pair is sealed to the cluster key, and has its record; no order is left."""
        record, sealed = self.certificate(name), self.store.get(self.keys.sealed_certificate(name))
        assert record is not None and sealed is not None
        pair = open_pair(read_keys(self.key), name, SealedValue.decode(sealed.value))
        self.assertEqual(read_pair(pair.chain.encode(), pair.key.encode()), pair)
        self.assertEqual((record.source, record.facts.names), (ACME, (name,)))
        self.assertIsNone(self.store.get(f"{self.keys.renewing}orders/{name}"))

    def check_texts(self, resolver: Recursive, zone: str) -> None:
        """Each question found the one text, and now it is gone; the zone says that it is the agents'."""
        texts = [found for name, kind, found in resolver.asked if (name, kind) == (f"example.com.{zone}", "TXT")]
        self.assertEqual((len(texts) > 1, set(texts)), (True, {1}))
        for agent in self.agents:
            until(partial(self.has_no_text, agent, zone))
            self.assertEqual((agent.dig(zone, "NS"), agent.dig(f"ns.{zone}")), (f"ns.{zone}.", "127.0.0.1"))

    def has_no_text(self, agent: AgentProcess, zone: str) -> bool:
        return agent.status(f"example.com.{zone}", "TXT") == "NXDOMAIN"


class BadServerTests(AcmeTestCase):
    """One node, and a server that issues nothing."""

    timeout = 300 + 200 * ATTEMPTS

    def test_bad_servers(self) -> None:
        """
        Of a server that refuses everything, that answers with garbage, or that is silent, the list of certificates says
        why there is none, and when the next attempt is: after a minute, and ``ATTEMPTS=2`` waits for that. Each is said
        once in the log, and HTTP goes on.
        """
        agent, server = self.agent("a"), BadAcme()
        self.addCleanup(server.close)
        key = agent.home / "cluster.key"
        agent.command("secret", "key", str(key))
        given = {"acme-email": "anna@example.com", "acme-directory": server.directory, "cluster-key": str(key)}
        agent.options = tuple(word for name, value in given.items() for word in (f"--{name}", value))
        agent.start()
        reasons = {REFUSE: f"refused (unauthorized): {DETAIL}", GARBAGE: "no JSON", HANG: "did not answer within 10 s"}
        for manner in reasons:
            server.manner = manner
            self.define(agent, *(f"{one}.example.com" for one in reasons if server.asked[one] or one == manner))
            until(partial(self.has_failed, f"{manner}.example.com", 1))
            self.assertIn("no service", agent.curl("nobody.example.com"))
        rows = {row["Name"]: row for row in json.loads(agent.command("certificates", "-o", "json"))}
        first = {manner: self.renewal(f"{manner}.example.com") for manner in reasons}
        for manner, reason in reasons.items():
            record, row = first[manner], rows[f"{manner}.example.com"]
            self.assertIn(reason, row["LastError"])
            self.assertTrue(60 <= row["NextAttempt"] - record.time <= 67)
            self.assertEqual(agent.log.count(reason), 1)
        for attempt in range(2, ATTEMPTS + 1):
            for manner in reasons:
                until(partial(self.has_failed, f"{manner}.example.com", attempt), 400)
                self.assertEqual(agent.log.count(f"{manner}.example.com"), attempt)
                later = self.renewal(f"{manner}.example.com").time - first[manner].time
                print(f"{manner}: attempt {attempt} ended {later:.0f} s after the first one")
