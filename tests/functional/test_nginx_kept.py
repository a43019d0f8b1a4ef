"""A real nginx that finds damaged files in the place of its last routes and certificates."""

from __future__ import annotations

import os
import signal
import subprocess
from random import Random

from twisted.internet.error import ConnectError
from twisted.internet.threads import deferToThread
from twisted.web.client import ResponseFailed

from daprdockr.proxy.program import arguments
from tests.build.pairs import self_signed as pair_for
from tests.fuzz.mutations import Mutations
from tests.rig.nginx_here import ENVIRONMENT, group_of, route, until
from tests.rig.tls_here import NAME, TlsTestCase, fingerprint, state_of

SEED = int(os.environ.get("SEED") or 2026)
VALUES = 8
HOSTILE = (
    *(b"", b"{", b"null", b"7", b'"x"', b"[]", b"{}", b"\0" * 100, b"[" * 20_000),
    b'{"hosts":7,"services":[],"pages":{"a":7},"names":7,"pairs":{"a":1},"ticket":7}',
    b'{"hosts":{"web.example.com":7},"services":{"web.shop":true},"names":{"":true},"pairs":{},"ticket":{}}',
)


class KeptTests(TlsTestCase):
    timeout = 180

    async def test_damaged(self) -> None:
        """
        It starts with any content of the two files, says one line about each at most, and takes what an agent gives it
        then.
        """
        memory, pair = self.memory(), pair_for((NAME,))
        known = route(NAME, self.upstream())
        await self.end(await self.served(state_of(pair), known, memory=memory, leave_running=True))
        kept = self.directory / "routes.json", memory / "certificates.json"
        real = tuple(path.read_bytes() for path in kept)
        mutations = Mutations(Random(SEED), list(real))
        contents = [(content, content) for content in HOSTILE]
        contents += [(mutations.of(real[0]), mutations.of(real[1])) for _ in range(VALUES)]
        for given in contents:
            for path, content in zip(kept, given, strict=True):
                path.write_bytes(content)
            said = await self.started_alone()
            self.assertLessEqual(len(said), 2, f"seed {SEED}: {given!r}"[:2000])
            if given[0] in HOSTILE[:8]:
                self.assertEqual([("cannot be read" in line) for line in said], [True, True], given)

        nginx = await self.served(state_of(pair), known, memory=memory)
        self.assertEqual((await self.get(NAME)).code, 200)
        self.assertEqual(await self.shown(NAME), fingerprint(pair))
        self.assertEqual((nginx.status.failures, nginx.status.reason), (0, ""))

    async def started_alone(self) -> list[str]:
        """Have nginx start without an agent, answer, and end; what it says."""
        (self.directory / "generation.sock").unlink(missing_ok=True)
        output = self.directory / "said"
        words = ["nginx", *arguments(self.directory, self.directory / "nginx.conf", (1, 22, 0))]
        with output.open("wb") as file:
            process = subprocess.Popen(words, env=ENVIRONMENT, stderr=file, start_new_session=True)
        try:
            await until(lambda: process.poll() is not None or self.answers())
            self.assertIsNone(process.poll(), output.read_text())
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await deferToThread(process.wait)
        await until(lambda: not group_of(process.pid))
        return output.read_text().splitlines()

    async def answers(self) -> bool:
        try:
            return (await self.get("unknown.example.com")).code in (404, 503)
        except (ConnectError, ResponseFailed):
            return False
