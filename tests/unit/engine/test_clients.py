"""Clients are borrowed, and outlive the connections of an Engine that dies."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from daprdockr.agent.host.host import LIST_INTERVAL
from daprdockr.engine.clients import MOST_IDLE, EngineClient
from daprdockr.engine.failures import asking
from daprdockr.model.errors import EngineFailed, EngineUnavailable
from tests.build.adapter import AdapterCase
from tests.fakes.scripted_engine import TcpScriptedEngine


class LossTests(AdapterCase):
    """See Note [A client is borrowed]."""

    def test_borrowed(self) -> None:
        """No connection is made before the first call, and calls after one another share one, whatever their thread."""
        self.hold()
        self.assertEqual(self.server.paths(), [])
        self.engine.containers()
        thread = threading.Thread(target=self.engine.containers)
        thread.start()
        thread.join()
        self.engine.containers()
        self.assertEqual(self.server.paths().count("/version"), 1)

    def test_few_wait(self) -> None:
        """Calls at the same time have clients of their own; few of these are kept for later ones."""
        clients = self.engine._clients
        with ExitStack() as calls:
            borrowed = {id(calls.enter_context(clients.borrowed())) for _ in range(3 * MOST_IDLE)}
        self.assertEqual((len(borrowed), len(clients._idle)), (3 * MOST_IDLE, MOST_IDLE))
        self.engine.close()
        self.assertEqual(clients._idle, [])

    def test_other_version_after_loss(self) -> None:
        """An Engine that comes back as another version is asked for it."""
        self.hold()
        self.engine.containers()
        self.server.shutdown()
        self.server.server_close()
        self.server.hang_up()
        Path(f"{self.directory}/s").unlink()
        with self.assertRaises(EngineUnavailable):
            self.engine.image("web:1")
        self.server = self.serve()
        self.hold()
        self.server.answers["/version"] = (200, {"ApiVersion": "1.44"})
        self.engine.containers()
        self.assertTrue(self.server.asked[-1].address.startswith("/v1.44/containers/json?"))

    def test_closed(self) -> None:
        """After closing, every thread's calls say that the agent is stopping."""
        self.hold()
        self.engine.containers()
        self.engine.close()
        with self.assertRaises(EngineUnavailable):
            self.engine.containers()

    def test_garbage(self) -> None:
        """An answer that is no JSON, and events that are none, count as no answer."""
        self.server.answers["/containers/json"] = (200, b"<html>")
        self.server.answers["/events"] = (200, b'{"Action": "sta')
        with self.assertRaises(EngineUnavailable):
            self.engine.containers()
        with self.assertRaises(EngineUnavailable):
            list(self.engine.events())

    def test_cut_network(self) -> None:
        """A connection to an Engine elsewhere is probed while nothing comes, so that a cut network is noticed."""
        engine = TcpScriptedEngine()
        self.served(engine)
        client = EngineClient(engine.url, 20)
        self.addCleanup(client.close)
        pools = client.get_adapter("http://").poolmanager.pools  # type: ignore[attr-defined]
        (key,) = pools.keys()
        connection = pools[key].pool.get().sock
        self.assertEqual(connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1)
        options = socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT
        idle, interval, count = (connection.getsockopt(socket.IPPROTO_TCP, option) for option in options)
        self.assertLessEqual(idle + interval * count, LIST_INTERVAL)

    def test_netrc(self) -> None:
        """Credentials in ~/.netrc, which are for other hosts, are not sent to an Engine at a socket."""
        netrc = self.directory / "netrc"
        netrc.write_text("default login somebody password of-another-host\n")
        self.set_environment("NETRC", str(netrc))
        self.hold()
        self.engine.containers()
        self.assertEqual([asked.headers.get("Authorization") for asked in self.server.asked], [None, None])

    def test_refused_late(self) -> None:
        """The refusal of an upload that took long is read like any other: it says why."""
        self.server.answers["/images/load"] = (500, {"message": "no space left on device"})
        client: Any = EngineClient(f"unix://{self.directory}/s", 0.5)
        self.addCleanup(client.close)

        def pieces() -> Iterator[bytes]:
            threading.Event().wait(0.6)
            yield b"x"

        with self.assertRaises(EngineFailed) as caught, asking("load an image"):
            client.load_image(pieces())
        self.assertIn("no space left on device", str(caught.exception))
