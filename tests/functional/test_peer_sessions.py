"""Sessions with a real agent: for those that can write to its etcd, and for nobody else."""

from __future__ import annotations

import secrets
import socket
import ssl
import time

from attrs import evolve
from twisted.trial.unittest import TestCase

from daprdockr.etcd.store import EtcdStore
from daprdockr.model.frames import FrameKind, FrameReader, written
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.session import LogsAsked, SessionRequest, token_digest
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.token import TokenRecord
from daprdockr.sessions.client import PeerSession, SessionFailed, Sessions, address_of
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.etcd_members import missing, shared


class SessionsTests(TestCase):
    """One agent with one instance, which logs a line."""

    timeout = 300
    skip = missing()

    def setUp(self) -> None:
        self.agent = AgentProcess(shared().urls, engine_url())
        self.addCleanup(self.agent.close)
        self.agent.start()
        self.keys = Keys(f"/{self.agent.group}")
        self.store = EtcdStore(shared().access, timeout=5)
        self.addCleanup(self.store.close)
        web = ServiceName(self.agent.group, "web")
        program = ["sh", "-c", "echo hello; exec sleep 1000"]
        container = {"Image": sample_image(), "Entrypoint": program}
        self.agent.define(str(web), 1, sample_image(), Container=container, Health={"Type": "none"})
        self.asked = LogsAsked(InstanceName(web, 1))
        self.sessions = Sessions(self.store, self.keys, "anna@desk", time.monotonic)

    @property
    def record(self) -> NodeRecord:
        entry = self.store.get(self.keys.node(self.agent.node))
        assert entry is not None
        return NodeRecord.decode(entry.value)

    def answer(self, token: str) -> str:
        """The agent's answer to a client that knows everything but, perhaps, a token; "" if it accepts."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(address_of(self.record), 10) as plain, context.wrap_socket(plain) as connection:
            self.assertEqual(connection.version(), "TLSv1.3")
            request = SessionRequest(token, self.asked)
            connection.sendall(written(FrameKind.ASK, request.encode()))
            reader = FrameReader()
            while not (frames := reader.feed(connection.recv(4096))):
                pass
        kind, content = frames[0]
        return "" if kind is FrameKind.ACCEPTED else content.decode()

    def token(self, node: str, ttl: int = 30) -> str:
        token = secrets.token_hex(32)
        lease = self.store.grant(ttl).id
        self.store.put(self.keys.session(token_digest(token)), TokenRecord(node).encode(), lease)
        return token

    def said(self, session: PeerSession) -> str:
        try:
            return b"".join(content for kind, content in session.frames() if kind is FrameKind.OUTPUT).decode()
        except SessionFailed as lost:
            return str(lost)
        finally:
            session.close()

    def test_tokens(self) -> None:
        """No token, one that is guessed, has expired, was used before, or is another node's: each is refused."""
        until(lambda: "hello" in self.agent.command("logs", str(self.asked.instance.service)))
        old = self.token(self.agent.node, ttl=1)
        self.assertIn("64 hex digits", self.answer(""))
        self.assertIn("is not known", self.answer(secrets.token_hex(32)))
        good = self.token(self.agent.node)
        self.assertEqual(self.answer(good), "")
        self.assertIn("used before", self.answer(good))
        self.assertIn("is for node other", self.answer(self.token("other")))
        until(lambda: self.store.get(self.keys.session(token_digest(old))) is None)
        self.assertIn("has expired", self.answer(old))
        self.assertTrue(self.agent.is_well())

    def test_certificate(self) -> None:
        """
        The command line sends nothing to a node that shows another certificate than its record names; the agent shows
        the same one after a restart.
        """
        before = self.record
        other = evolve(before, fingerprint="0" * 64)
        refusal = self.assertRaises(SessionFailed, self.sessions.open, self.agent.node, self.asked, other)
        self.assertIn("another certificate", str(refusal))
        self.assertEqual(self.store.list(f"{self.keys.root}sessions/").entries, ())
        self.agent.kill()
        self.agent.start()
        until(lambda: self.record.ready)
        self.assertEqual(self.record.fingerprint, before.fingerprint)
        self.assertIn("hello", self.said(self.sessions.open(self.agent.node, self.asked)))
