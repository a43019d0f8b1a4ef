"""The relay as a process: routes before an agent, a socket that comes again, ports that follow, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from daprdockr.relay.__main__ import MOST_FILES, NAME, Upkeep, open_files, serve
from daprdockr.relay.message import ROUTES, SOCKET, PortRoute, RelayState, encode_state
from tests.build.ports import free_port
from tests.build.relaying import HERE, Client, RelayCase, RelayScene


async def holds(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds; an error that the kernel reports is no."""
    while True:
        with contextlib.suppress(OSError):
            if await condition():
                return
        await asyncio.sleep(0.01)


class ProgramTests(RelayCase):
    def setUp(self) -> None:
        # not below the temporary directory of the tests: the path of a unix socket is short
        self.directory = Path(tempfile.mkdtemp(prefix="dapr-relay-"))
        self.addCleanup(shutil.rmtree, self.directory, True)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE))

    async def version(self) -> str:
        reader, writer = await asyncio.open_unix_connection(self.directory / SOCKET)
        writer.write(b"GET /routes HTTP/1.0\r\n\r\n")
        found = (await reader.read()).decode().rpartition("\n")[2]
        writer.close()
        return found

    async def answers(self) -> bool:
        return await self.version() == "0"

    def seed(self, port: int, *destinations: object) -> None:
        route = PortRoute("tcp", port, "db.app", destinations)  # type: ignore[arg-type]
        (self.directory / ROUTES).write_bytes(encode_state(RelayState((HERE,), (route,)), 9))

    def test_process(self) -> None:
        """It serves the last known routes before an agent comes, is known by its name, and ends in order by TERM."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            self.seed(port, await scene.instance("a"))
            words = ("-m", "daprdockr.relay", str(self.directory))
            process = await asyncio.create_subprocess_exec(sys.executable, *words)
            await holds(self.answers)
            self.assertEqual(await (await Client.to(port)).ask("x"), "a x")
            self.assertEqual(Path(f"/proc/{process.pid}/comm").read_text("ascii").strip(), NAME)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(await process.wait(), 0)
            scene.close()

        self.play(scenario())

    def test_upkeep(self) -> None:
        """A socket that somebody removed is there again, and a port that becomes free is served, without a restart."""

        async def scenario() -> None:
            scene, port = RelayScene(), free_port()
            self.seed(port, await scene.instance("a"))
            with socket.create_server((HERE, port)):
                served = asyncio.ensure_future(serve(self.directory, Upkeep(0.01, 0.01, 0.01)))
                await holds(self.answers)
            (self.directory / SOCKET).unlink()
            await holds(self.answers)

            async def leads() -> bool:
                return await (await Client.to(port)).ask("x") == "a x"

            await holds(leads)
            os.kill(os.getpid(), signal.SIGTERM)
            await served
            scene.close()

        self.play(scenario())

    def test_no_room(self) -> None:
        """Where the socket cannot be made at first it is made later, and the routes are served meanwhile."""

        async def scenario() -> None:
            scene, port, directory = RelayScene(), free_port(), self.directory
            self.seed(port, await scene.instance("a"))
            (directory / SOCKET).mkdir()
            served = asyncio.ensure_future(serve(directory, Upkeep(0.01, 0.01, 0.01)))

            async def leads() -> bool:
                return await (await Client.to(port)).ask("x") == "a x"

            await holds(leads)
            await asyncio.sleep(0.05)
            (directory / SOCKET).rmdir()
            await holds(self.answers)
            os.kill(os.getpid(), signal.SIGTERM)
            await served
            scene.close()

        self.play(scenario())

    def test_open_files(self) -> None:
        """As many files as are allowed may be open, within a bound of our own."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = open_files()
        self.assertEqual(most, MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES))
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE)[0], most)
