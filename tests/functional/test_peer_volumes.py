"""A volume in a real container as an archive, both ways, through the peer listener of its agent."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import time
from contextlib import closing
from typing import Any

from docker import APIClient
from twisted.trial.unittest import TestCase

from daprdockr.etcd.store import EtcdStore
from daprdockr.model.host import LABEL_ARCHIVE
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.session import BackupAsked
from daprdockr.model.stored.keys import Keys
from daprdockr.sessions.client import Sessions
from tests.rig.agent_process import PROGRAMS, AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.etcd_members import missing, shared

MEBIBYTE = 1024 * 1024
UNREAD = 12 * MEBIBYTE
"""More than an agent may grow by for a reader that stalls; it would be hundreds if it read on."""

LARGE = 100 * MEBIBYTE

FILL = "mkdir /data/sub; echo one > /data/sub/a; chmod 640 /data/sub/a; chown 7:8 /data/sub/a; ln -s a /data/sub/link"


class VolumesTests(TestCase):
    """One agent with one instance that has a volume."""

    timeout = 300
    skip = missing()

    def setUp(self) -> None:
        self.agent = AgentProcess(shared().urls, engine_url())
        self.volume = f"{self.agent.group}-data"
        self.addCleanup(self.remove_volume)
        self.addCleanup(self.agent.close)
        self.agent.start(ttl=6)
        web, image = ServiceName(self.agent.group, "web"), sample_image()
        self.agent.define(str(web), 1, image, Container={"Image": image, "Volumes": [f"{self.volume}:/data"]})
        self.instance = InstanceName(web, 1)
        self.store = EtcdStore(shared().access, timeout=5)
        self.addCleanup(self.store.close)

    def remove_volume(self) -> None:
        with closing(APIClient(base_url=engine_url(), version="auto")) as client:
            client.remove_volume(self.volume, force=True)

    def made(self) -> list[Any]:
        """The containers that were made for archives, and are there."""
        with closing(APIClient(base_url=engine_url(), version="auto")) as client:
            return list(
                client.containers(all=True, filters={"label": f"{LABEL_ARCHIVE}=/{self.agent.group}/{self.agent.node}"})
            )

    def line(self, *words: str) -> list[str]:
        agent = self.agent
        return [str(PROGRAMS / "daprdockrcmd"), "-etcd", agent.etcd, "-prefix", f"/{agent.group}", *words]

    def run_line(self, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(self.line(*words), input=stdin, capture_output=True, timeout=120, check=False)

    def shell(self, command: str) -> str:
        done = self.run_line("exec", str(self.instance), "--", "sh", "-c", command)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    def backup(self) -> bytes:
        done = self.run_line("volume", "backup", str(self.instance), self.volume)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout

    def test_both_ways(self) -> None:
        """The files are there again, with owners, modes and links, and those that are not in the archive stay."""
        self.shell(FILL)
        archive = self.backup()
        with tarfile.open(fileobj=io.BytesIO(archive)) as read:
            names = {os.path.normpath(name) for name in read.getnames()}
        self.assertEqual(names, {".", "sub", "sub/a", "sub/link"})
        self.shell("rm -r /data/sub; echo new > /data/other")
        done = self.run_line("volume", "restore", str(self.instance), self.volume, stdin=archive)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
        found = self.shell("cat /data/sub/link /data/other; stat -c '%a %u %g' /data/sub/a")
        self.assertEqual(found, "one\nnew\n640 7 8\n")
        self.assertIn("restores volume", self.run_line("events").stdout.decode())
        listed = self.run_line("volume", "ls")
        self.assertEqual(listed.stderr, b"")
        self.assertRegex(listed.stdout.decode(), rf"{self.volume} +{self.instance} +running")

        half = self.run_line("volume", "restore", str(self.instance), self.volume, stdin=archive[:1536])
        self.assertEqual(half.returncode, 1)
        self.assertIn(b"the archive ends too early", half.stderr)
        other = self.run_line("volume", "backup", str(self.instance), "other")
        self.assertEqual((other.returncode, b"has no volume other: it has " in other.stderr), (3, True))

    def test_large(self) -> None:
        """An archive that nobody reads is not read into the agent's memory, nor is one that comes in."""
        self.shell(f"head -c {LARGE} /dev/zero > /data/large")
        before = self.agent.resident()
        sessions = Sessions(self.store, Keys(f"/{self.agent.group}"), "anna@desk", time.monotonic)
        session = sessions.open(self.agent.node, BackupAsked(self.instance, self.volume))
        self.addCleanup(session.close)
        archive = self.backup()
        self.assertGreater(len(archive), LARGE)
        done = self.run_line("volume", "restore", str(self.instance), self.volume, stdin=archive)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        until(lambda: len(self.made()) == 1)  # the others are removed a moment after their sessions
        session.close()
        until(lambda: not self.made())
        grown = self.agent.resident() - before
        self.assertLess(grown, UNREAD, f"{grown / MEBIBYTE:.1f} MiB more")
