"""An agent that is made loads no module that only an option, a command or a scrape needs."""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

LATER = (
    "acme",  # with --acme-email
    "daprdockr.acme.server",
    "daprdockr.cli",  # in the command line
    "daprdockr.compose",
    "dotenv",
    "josepy",  # with --acme-email
    "prometheus_client",  # by the first scrape
    "yaml",  # in the command line
)
"""Each would take a megabyte or more of every agent."""

LOADED = "import sys, twisted.internet.reactor, daprdockr.tap; print(*sys.modules)"


class LoadedTests(SynchronousTestCase):
    def test_bare_agent(self) -> None:
        """The modules of an agent without options are loaded, and those of its options are not."""
        ran = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
        loaded = ran.stdout.split()
        self.assertIn("daprdockr.wiring.composition", loaded)
        self.assertEqual([], [name for name in LATER if name in loaded])
