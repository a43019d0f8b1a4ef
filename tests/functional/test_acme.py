"""Certificates by ACME, from a definition to etcd, with real agents, etcd, nginx and Pebble."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import Any

from daprdockr.model.stored.certificate import ACME, CertificatePair
from daprdockr.model.stored.sealed import SealedValue
from daprdockr.sealing.certificates import open_pair, read_pair
from daprdockr.sealing.key_file import read_keys
from tests.rig.acme_case import AcmeTestCase
from tests.rig.bad_acme import DETAIL, GARBAGE, HANG, REFUSE, BadAcme
from tests.rig.docker_engine import until

ATTEMPTS = int(os.environ.get("ATTEMPTS", "1"))
NAMES = ("a.example.com", "b.example.com")


class AcmeTests(AcmeTestCase):
    """Two nodes with the cluster key and one without; Pebble asks the last one for its challenges."""

    timeout = 300 + 200 * ATTEMPTS

    def test_certificates(self) -> None:
        """
        Names of a definition get certificates, although Pebble rejects nonces, asks a node that has no key, and the
        renewer is killed in the middle; for a name that leads elsewhere the reason is kept, and no order is made.
        """
        third = self.agent("c")
        pebble = self.pebble(third.http_port, PEBBLE_WFE_NONCEREJECT="30", PEBBLE_VA_NOSLEEP="")
        key = third.home / "cluster.key"
        third.command("secret", "key", str(key))
        options = self.options(pebble, str(key), **{"acme-staging": pebble.directory})
        nodes = {name: self.agent(name, *options) for name in ("a", "b")}
        for agent in (third, *nodes.values()):
            agent.start()
        pebble.tell_dns("add-a", host="elsewhere.example.com", addresses=["127.0.0.99"])
        until(lambda: bool(self.renewer()))
        first = self.renewer()
        self.define(third, *NAMES, "elsewhere.example.com")
        until(lambda: bool(self.store.list(self.keys.renewing + "orders/").entries or self.certificate(NAMES[0])))
        nodes[first].kill()
        until(lambda: all(self.certificate(name) for name in NAMES))
        self.assertNotEqual(self.renewer(), first)
        self._is_stored(key)
        until(lambda: self.renewal("elsewhere.example.com").failures > 0)
        self.assertIn("has the address 127.0.0.99", self.renewal("elsewhere.example.com").error)
        self.assertNotIn("http://elsewhere", pebble.log)

    def _is_stored(self, key: Any) -> None:
        """Each pair is sealed to the cluster key, and has its record; no order is left, and no key unsealed."""
        for name in NAMES:
            record, sealed = self.certificate(name), self.store.get(self.keys.sealed_certificate(name))
            assert record is not None and sealed is not None
            pair = open_pair(read_keys(key), name, SealedValue.decode(sealed.value))
            self.assertEqual(read_pair(pair.chain.encode(), pair.key.encode()), CertificatePair(pair.chain, pair.key))
            self.assertEqual((record.source, record.facts.names), (ACME, (name,)))
        self.assertEqual(self.store.list(self.keys.renewing + "orders/").entries, ())

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

    def has_failed(self, name: str, times: int) -> bool:
        return self.renewal(name).failures >= times
