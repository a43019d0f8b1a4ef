"""The unix socket of the relay: routes in, version and troubles out."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path

from daprdockr.relay.control import Control
from daprdockr.relay.message import PortRoute, RelayState, encode_state
from tests.build.ports import free_port
from tests.build.relaying import HERE, Client, RelayCase, RelayScene


async def ask(path: Path, request: bytes) -> tuple[str, str]:
    """Status and body of the answer."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(request)
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return head[9:12], body


def post(message: bytes) -> bytes:
    return b"POST /routes HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s" % (len(message), message)


class ControlTests(RelayCase):
    def setUp(self) -> None:
        # not below the temporary directory of the tests: the path of a unix socket is short
        self.path = Path(f"/tmp/daprdockr-control-{id(self)}.sock")
        self.addCleanup(self.path.unlink, missing_ok=True)

    def test_routes(self) -> None:
        """A message is in force when it is answered with its version; a bad one changes nothing."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            control = Control(scene.listeners)
            await asyncio.start_unix_server(control.serve, self.path)
            self.assertEqual(await ask(self.path, b"GET /routes HTTP/1.0\r\n\r\n"), ("200", "0"))
            route = PortRoute("tcp", port, "db.app", (await scene.instance("a"),))
            message = encode_state(RelayState((HERE,), (route,)), 3)
            self.assertEqual(await ask(self.path, post(message)), ("200", "3"))
            self.assertEqual((await ask(self.path, post(message[:-2])))[0], "400")
            self.assertEqual((await ask(self.path, b"GET /other HTTP/1.0\r\n\r\n"))[0], "404")
            self.assertEqual(await ask(self.path, b"GET /routes HTTP/1.0\r\n\r\n"), ("200", "3"))
            self.assertEqual(await (await Client.to(port)).ask("x"), "a x")
            scene.close()

        self.play(scenario())

    def test_troubles(self) -> None:
        """The ports that are not bound are listed, as many as an answer holds."""

        async def scenario() -> None:
            scene, taken = RelayScene(), free_port()
            control = Control(scene.listeners)
            await asyncio.start_unix_server(control.serve, self.path)
            with socket.create_server((HERE, taken)):
                await scene.lead(taken)
                _, body = await ask(self.path, b"GET /troubles HTTP/1.0\r\n\r\n")
            self.assertEqual(json.loads(body), [["tcp", taken, f"{HERE}:{taken}: another program holds it"]])
            far = tuple(PortRoute("tcp", port, "db.app") for port in range(20_000, 20_100))
            await scene.listeners.take(RelayState(("fd00::ffff:ffff:ffff:ffff",), far))
            _, body = await ask(self.path, b"GET /troubles HTTP/1.0\r\n\r\n")
            self.assertTrue(len(json.loads(body)) == 30 and len(body) < 4000, body)
            scene.close()

        self.play(scenario())

    def test_seed(self) -> None:
        """It begins with the routes in a file; one that is damaged, or not there, is like none."""

        async def scenario() -> None:
            scene, port, path = RelayScene(), free_port(), Path(self.mktemp())
            control = Control(scene.listeners)
            await control.seed(path)
            path.write_bytes(b'{"version":')
            await control.seed(path)
            path.unlink()
            os.mkfifo(path)
            await control.seed(path)
            path.unlink()
            route = PortRoute("tcp", port, "db.app", (await scene.instance("a"),))
            path.write_bytes(encode_state(RelayState((HERE,), (route,)), 9))
            link = path.with_name("link")
            link.symlink_to(path.absolute())
            await control.seed(link)
            with self.assertRaises(ConnectionRefusedError):
                await Client.to(port)
            await control.seed(path)
            self.assertEqual(await (await Client.to(port)).ask("x"), "a x")
            self.assertEqual(control.version, 0)
            scene.close()

        self.play(scenario())
