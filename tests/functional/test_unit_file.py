"""
``etc/daprdockr.service``: systemd reads it and calls it well closed, and an agent with the rights that it gives works.

systemd itself need not run here. The capabilities are taken away as it would take them, by setpriv(1), and processes
hidden by a /proc of its own; other mounts and its filter of system calls are not tried.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.etcd_members import missing, shared

UNIT = Path(__file__).parents[2] / "etc/daprdockr.service"
SECURITY = Path(__file__).parents[2] / "docs/guide/security.rst"
MOST_EXPOSED = 32
"""Tenths of the score of ``systemd-analyze security``, of 100."""

HIDDEN = 'mount -t proc -o hidepid=invisible proc /proc && umask 077 && exec "$@"'
"""``ProtectProc=invisible`` and ``UMask=0077``, in a mount namespace."""


def capabilities() -> list[str]:
    """Those that the unit leaves, as setpriv writes them."""
    lines = re.findall(r"^CapabilityBoundingSet=(.*)$", UNIT.read_text(), re.MULTILINE)
    return [name.removeprefix("CAP_").lower() for line in lines for name in line.split()]


class UnitFileTests(SynchronousTestCase):
    """The verdict of systemd on the file."""

    def analyze(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False)

    def test_verify(self) -> None:
        """systemd has nothing against it, but that the agent is not installed here."""
        complaints = self.analyze("verify", str(UNIT)).stderr.splitlines()
        self.assertEqual([line for line in complaints if "/opt/daprdockr/bin/twistd is not executable" not in line], [])

    def test_exposure(self) -> None:
        """Its exposure is that of a service which was thought about."""
        done = self.analyze("security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", str(UNIT))
        self.assertEqual(done.returncode, 0, done.stdout[-300:] + done.stderr)
        self.assertIn(f" {MOST_EXPOSED / 10} ", done.stdout.splitlines()[-1])
        self.assertIn(f"an exposure of {MOST_EXPOSED / 10} of 10", " ".join(SECURITY.read_text().split()))
        self.assertIn("ProtectProc=invisible\n", UNIT.read_text())

    def test_memory(self) -> None:
        """One process that the kernel ends for its memory does not have systemd stop the agent as well."""
        self.assertIn("\nOOMPolicy=continue\n", UNIT.read_text())


class CapabilitiesTests(TestCase):
    """An agent with the unit's capabilities and /proc, without new privileges, and with its umask."""

    timeout = 300
    skip = missing()

    def test_whole_path(self) -> None:
        """It serves DNS and HTTP, and its guard sees containers and may end them."""
        kept = ",".join(["-all", *(f"+{name}" for name in capabilities())])
        rights = ["setpriv", "--no-new-privs", f"--bounding-set={kept}"]
        within = ["unshare", "--mount", "sh", "-c", HIDDEN, "sh", *rights]
        agent = AgentProcess(shared().urls, engine_url(), within=within)
        self.addCleanup(agent.close)
        agent.start()
        web = f"web.{agent.group}"
        http = {"HostName": "demo.test", "ContainerPort": "8080"}
        agent.define(web, 1, sample_image(), Http=http, OnPartition="stop")
        until(lambda: agent.served_by("demo.test") == {f"1.{web} 1"})
        self.assertEqual(agent.dig(f"{web}.container"), "127.0.0.1")
        self.assertNotIn("Operation not permitted", agent.log)
        agent.command("-svc", web, "-del")
        until(lambda: not agent.containers())
