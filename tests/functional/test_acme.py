"""Certificates by ACME, from a definition to etcd, with real agents, etcd, nginx and Pebble."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import Any

from daprdockr.model.stored.certificate import ACME, CertificatePair
from daprdockr.model.stored.sealed import SealedValue
from daprdockr.sealing.certificates import open_pair, read_pair
from daprdockr.sealing.key_file import read_keys
from tests.build.ports import free_port
from tests.rig.acme_case import AcmeTestCase
from tests.rig.docker_engine import until

NAMES = ("a.example.com", "b.example.com")


class AcmeTests(AcmeTestCase):
    """Two nodes with the cluster key and one without; Pebble asks the last one for its challenges."""

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
        A server that is silent, and one that refuses everything, is asked once and then not before a minute is over;
        the reason is kept, said once in the log, and HTTP goes on.
        """
        agent = self.agent("a")
        pebble = self.pebble(agent.http_port, PEBBLE_VA_NOSLEEP="1")
        key = agent.home / "cluster.key"
        agent.command("secret", "key", str(key))
        with closing(socket.create_server(("127.0.0.1", free_port()))) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/dir"
            agent.options = tuple(self.options(pebble, str(key), **{"acme-directory": url}))
            agent.start()
            self.define(agent, NAMES[0])
            until(lambda: self.renewal(NAMES[0]).failures > 0)
            self.assertIn("no service", agent.curl("nobody.example.com"))
        record = self.renewal(NAMES[0])
        self.assertIn("did not answer within 10 s", record.error)
        self.assertTrue(60 <= record.next_attempt - record.time <= 67)
        self.assertEqual(agent.log.count("no certificate"), 1)
