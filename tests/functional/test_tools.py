"""The tools that a newcomer starts first: without a Docker Engine they end with one line that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

CHECKOUT = Path(__file__).parents[2]


class NoEngineTests(SynchronousTestCase):
    """DOCKER_HOST names a socket that is not there."""

    def output(self, *command: str) -> str:
        nowhere = {"DOCKER_HOST": f"unix://{Path(self.mktemp()).absolute()}"}
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=CHECKOUT,
            env=os.environ | nowhere,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.returncode, 1)
        return done.stdout

    def test_build_image(self) -> None:
        """``tools.build_image`` says that the Engine did not answer, in one line."""
        lines = self.output("tools.build_image", "daprdockr/never:1").splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("build-image: the Docker Engine", lines[0])
        self.assertIn("DOCKER_HOST", lines[0])

    def test_demo(self) -> None:
        """The demo ends with one line, and leaves nothing to be taken down."""
        lines = self.output("tools.demo", "--once").splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("demo failed: no Docker Engine answers", lines[0])
