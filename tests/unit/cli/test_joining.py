"""A host that joins: what it asks for and writes, and how an interrupted attempt goes on."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.statedir import StateDir
from daprdockr.cli.founding import FirstHost, InCluster
from daprdockr.cli.joining import JoiningHost, answer_of, ask_to_join
from daprdockr.etcd.cluster_files import LEFT, ClusterFiles
from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import HostPart
from daprdockr.model.frames import FrameKind, FrameReader, written
from daprdockr.model.joining import JoinAnswer, JoinToken
from daprdockr.model.session import ClientJoinAsked, JoinAsked, SessionRequest
from daprdockr.sealing.certificates import self_signed
from daprdockr.sessions.client import PeerSession, SessionFailed

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
TOKEN = JoinToken("10.0.0.1:5081", "ab" * 32, "cd" * 32)
ENDPOINTS = ("https://10.0.0.1:2379",)
MEMBER = JoinAnswer("ca", "agent", "key", ENDPOINTS, "member", ("a=x", "b=y"), "ca key")
CLIENT = JoinAnswer("ca", "agent", "key", ENDPOINTS)


class JoiningHostTests(SynchronousTestCase):
    """``b`` at 10.0.0.2."""

    def setUp(self) -> None:
        self.files = ClusterFiles(Path(self.mktemp()).absolute())
        self.said: list[str] = []
        self.asked: list[JoinAsked] = []
        self.answer: JoinAnswer | None = MEMBER
        self.host = JoiningHost(self.files, "b", "10.0.0.2", self.ask, self.said.append)

    def ask(self, token: JoinToken, asked: JoinAsked) -> JoinAnswer:
        self.asked.append(asked)
        if self.answer is None:
            raise SessionFailed("the other side is lost")
        return self.answer

    def test_member(self) -> None:
        """A host with a member has all files at the end, and its private key never left it."""
        part = self.host.join(TOKEN)
        self.assertEqual(part, HostPart("b", "10.0.0.2", ("a=x", "b=y")))
        self.assertEqual(self.files.part(), part)
        self.assertEqual(self.files.authority_pair().key, "ca key")
        self.assertEqual(self.files.cluster_key.read_text(), "key")
        self.assertIn("BEGIN CERTIFICATE REQUEST", self.asked[0].request)
        self.assertEqual(str(self.files.access()), ENDPOINTS[0])

    def test_client(self) -> None:
        """A client receives no more than it needs."""
        self.answer = CLIENT
        self.assertFalse(self.host.join(TOKEN).is_member)
        self.assertFalse(self.files.authority_key.exists() or self.files.member_certificate.exists())

    def test_asks_to_be_client(self) -> None:
        """It asks to be a client where that is wanted, and says so where an interrupted attempt made it a member."""
        self.host.join(TOKEN)
        evolve(self.host, is_client=True).join(TOKEN)
        self.assertIn("leave, and join again with -client", self.said[-1])
        self.files.host.unlink()
        self.answer = CLIENT
        for _ in range(2):
            self.assertFalse(evolve(self.host, is_client=True).join(TOKEN).is_member)
        self.assertFalse(self.files.authority_key.exists() or self.files.member_certificate.exists())
        self.assertEqual([type(asked) for asked in self.asked], [JoinAsked, ClientJoinAsked])

    def test_interrupted(self) -> None:
        """An attempt that was lost is made again with the same key; one that is done asks nobody."""
        self.answer = None
        self.assertRaises(SessionFailed, self.host.join, TOKEN)
        self.assertIsNone(self.files.part())
        key = self.files.host_key.read_bytes()
        self.answer = MEMBER
        self.host.join(TOKEN)
        self.host.join(TOKEN)
        self.assertEqual((self.files.host_key.read_bytes(), len(self.asked)), (key, 2))
        evolve(self.host, address="10.0.0.9").join(TOKEN)
        self.assertIn("goes on as b at 10.0.0.2", self.said[-1])

    def test_former_part(self) -> None:
        """Marks of a former part, which somebody removed by hand, do not count: ``leave`` would go by one."""
        marks = (self.files.began, self.files.recovery, self.files.leaving)
        for mark in marks:
            self.files.write(mark, b"left")
        self.host.join(TOKEN)
        self.assertEqual([mark.exists() for mark in marks], [False] * 3)
        self.files.host.unlink()
        self.files.leaving.mkdir()
        self.assertIn("leaving cannot be removed", str(self.assertRaises(BadInput, self.host.join, TOKEN)))
        self.assertIsNone(self.files.part())

    def test_leaving(self) -> None:
        """A host that has left etcd begins nothing anew before its files are removed, as ``leave`` would do later."""
        self.host.join(TOKEN)
        self.files.write(self.files.leaving, LEFT)
        first = FirstHost(self.files, "b", "10.0.0.2", lambda: NOW, self.said.append)
        for begin in (partial(self.host.join, TOKEN), first.found):
            self.assertIn("daprdockrcmd leave goes on", str(self.assertRaises(BadInput, begin)))
        self.files.write(self.files.leaving, b"")
        self.host.join(TOKEN)

    def test_at_once(self) -> None:
        """An attempt that finds another one under way says so, waits for its end, and has the part that it made."""
        part = HostPart("b", "10.0.0.2", ("a=x", "b=y"))
        found: list[HostPart] = []
        waits = threading.Event()
        host = evolve(self.host, say=lambda line: waits.set() if "waiting for its end" in line else None)
        with self.files.alone(self.said.append):
            second = threading.Thread(target=lambda: found.append(host.join(TOKEN)))
            second.start()
            self.assertTrue(waits.wait(10))
            self.files.write(self.files.host, part.encode())
        second.join()
        self.assertEqual((found, self.asked, self.said), ([part], [], []))

    def test_first(self) -> None:
        """The first host of a cluster joins no other one."""
        self.files.write(self.files.host, HostPart("a", "10.0.0.1", ("a=x",), "5f").encode())
        self.assertIn("of a cluster already", str(self.assertRaises(InCluster, self.host.join, TOKEN)))

    def test_other_key(self) -> None:
        """The cluster key of another cluster is not lost."""
        self.files.write(self.files.cluster_key, b"other")
        self.assertIn("another cluster", str(self.assertRaises(BadInput, self.host.join, TOKEN)))
        self.assertEqual((self.files.cluster_key.read_bytes(), self.files.part()), (b"other", None))

    def test_agent_runs(self) -> None:
        """Beside an agent with another etcd nothing is made, and nobody is asked."""
        state = StateDir(self.files.state)
        state.lock()
        self.assertIn("an agent runs already", str(self.assertRaises(BadInput, self.host.join, TOKEN)))
        state.unlock()
        self.assertEqual((self.asked, self.files.directory.exists()), ([], False))
        self.host.join(TOKEN)

    def test_private_data(self) -> None:
        """The data of another etcd are not lost, and nobody is asked."""
        (self.files.state / "etcd" / "data" / "member").mkdir(parents=True)
        self.assertRaises(BadInput, self.host.join, TOKEN)
        self.assertEqual(self.asked, [])


class AskTests(SynchronousTestCase):
    def answer(self, *frames: tuple[FrameKind, bytes]) -> JoinAnswer:
        session: Any = type("Frames", (), {"node": "10.0.0.1:5081", "frames": lambda self: iter(frames)})()
        return answer_of(cast(PeerSession, session))

    def test_answer(self) -> None:
        """An answer may come in several frames; what is none is said to be none."""
        data = MEMBER.encode()
        parts = ((FrameKind.OUTPUT, data[:10]), (FrameKind.OUTPUT, data[10:]), (FrameKind.STATUS, b"0"))
        self.assertEqual(self.answer(*parts), MEMBER)
        self.assertRaises(SessionFailed, self.answer, (FrameKind.STATUS, b"0"))

    def test_asked(self) -> None:
        """The token's secret is sent to the host with the fingerprint, and its answer comes back."""
        pair = self_signed(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
        path = Path(self.mktemp())
        path.write_text(pair.chain + pair.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        received: list[bytes] = []
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def serve() -> None:
                with context.wrap_socket(listening.accept()[0], server_side=True) as connection:
                    received.append(connection.recv(65536))
                    frames = ((FrameKind.ACCEPTED, b""), (FrameKind.OUTPUT, MEMBER.encode()), (FrameKind.STATUS, b"0"))
                    connection.sendall(b"".join(written(kind, content) for kind, content in frames))

            server = threading.Thread(target=serve)
            server.start()
            shown = sha256(ssl.PEM_cert_to_DER_cert(pair.chain)).hexdigest()
            token = JoinToken(f"127.0.0.1:{listening.getsockname()[1]}", shown, "cd" * 32)
            self.assertEqual(ask_to_join(token, JoinAsked("b", "10.0.0.2", "request")), MEMBER)
            server.join()
        ((_, asked),) = FrameReader().feed(received[0])
        self.assertEqual(SessionRequest.decode(asked).token, "cd" * 32)

    def test_nobody(self) -> None:
        """A host that does not answer is named."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            place = f"127.0.0.1:{taken.getsockname()[1]}"
            token = JoinToken(place, "ab" * 32, "cd" * 32)
            error = self.assertRaises(SessionFailed, ask_to_join, token, JoinAsked("b", "10.0.0.2", ""))
        self.assertIn(place, str(error))
