"""TLS of an agent: where its files are, and which parts it has."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.statedir import StateDir
from daprdockr.model.errors import BadInput
from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.key_file import create_keys
from daprdockr.wiring import certifying
from daprdockr.wiring.composition import Composition, compose
from daprdockr.wiring.real import real
from tests.build.settings import settings
from tests.fakes.run import LoopClock

HTTPS = (("127.0.0.1", 8443),)
MEMORY = "1 1 0:1 / / rw - tmpfs tmpfs rw"
DISK = "1 1 0:1 / / rw - ext4 /dev/sda rw"


class TlsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dapr-"))  # short enough for the path of a socket
        self.addCleanup(shutil.rmtree, self.folder)
        self.mounts = self.folder / "mountinfo"
        self.mounts.write_text(MEMORY)
        self.patch(certifying, "MOUNTS", self.mounts)

    def make(self, node: str = "a", **changed: Any) -> Composition:
        chosen = settings(node, self.folder / node, **{"memory_dir": self.folder / "m", "https": HTTPS, **changed})
        state = StateDir(chosen.state_dir)
        return compose(chosen, state, real(chosen, state, LoopClock()))

    def tickets(self, composition: Composition, day: int = 1) -> bytes:
        loop = composition.outward.certifying
        assert loop is not None
        return loop._ticket(day)

    def test_off(self) -> None:
        """Without TLS listeners there are neither files nor a loop."""
        parts = self.make(https=(), http=(("127.0.0.1", 8080),))
        self.assertEqual(parts.outward.certifying, None)
        assert parts.outward.nginx is not None
        self.assertEqual(parts.outward.nginx.tls, None)

    def test_published(self) -> None:
        """The record of the node says whether it serves TLS."""
        for parts, serves in ((self.make(), True), (self.make("b", https=(), http=(("127.0.0.1", 8080),)), False)):
            heartbeat = parts.found.member.heartbeat
            self.assertEqual(heartbeat._registration._record(True).tls, serves)

    def test_directory(self) -> None:
        """Keys are in memory, each agent's in a directory of its own; nginx runs for TLS alone, too."""
        nginx = [self.make(node).outward.nginx for node in ("a", "b")]
        directories = {one.tls.directory for one in nginx if one is not None and one.tls is not None}
        self.assertEqual(({path.parent for path in directories}, len(directories)), ({self.folder / "m"}, 2))

    def test_disk(self) -> None:
        """Where there is no directory in memory the agent does not start, and says what to name."""
        self.mounts.write_text(DISK)
        with self.assertRaisesRegex(BadInput, "on a disk: name one by --memory-dir"):
            self.make()

    def test_unknown_names(self) -> None:
        """Clients that ask for unknown names get a pair of this node's own, unless they are refused."""
        for word, expected in (("default", True), ("refuse", False)):
            loop = self.make(https_unknown=word).outward.certifying
            assert loop is not None
            self.assertEqual(loop._unknown is not None, expected)

    def test_tickets(self) -> None:
        """Nodes with the same cluster key have the same key of tickets each day; without one each has its own."""
        file = self.folder / "cluster.key"
        create_keys(file, (PrivateKey.generate(),))
        alike = {self.tickets(self.make(node, cluster_key=file)) for node in ("a", "b")}
        self.assertEqual(({len(key) for key in alike}, len(alike)), ({80}, 1))
        own = [self.make(node) for node in ("c", "d")]
        days = {self.tickets(one, day) for one in own for day in (1, 2)}
        self.assertEqual((len(days), days & alike), (4, set()))

    def test_given(self) -> None:
        """The directory of certificates is followed; while it cannot be read there are none."""
        parts = self.make(certificates=self.folder / "absent")
        followed = parts.found.around.given_pairs
        assert followed is not None
        self.assertIn(followed, parts.found.around.all)
        self.assertEqual(followed.value.certificates, ())
