"""Templates of the package that are replaced under an agent that runs, as by an upgrade."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.house.sources import CHECKOUT

PROGRAM = """
import os
import time
from pathlib import Path
import daprdockr
from daprdockr.proxy.configuration import HttpListener, NginxSettings, render
from daprdockr.page.render import page
from tests.build.page import seen
settings = NginxSettings(directory="/x", listeners=(HttpListener("127.0.0.1", 80),))
before = render(settings).text, page(seen(), {}, "now")
for template in Path(daprdockr.__file__).parent.rglob("*.j2"):
    template.write_text("of another version: {{ unknown }}")
    os.utime(template, (1, 1))
assert (render(settings).text, page(seen(), {}, "now")) == before
"""


class ReplacedTests(SynchronousTestCase):
    """A copy of the package."""

    def test_templates(self) -> None:
        """An agent renders with the templates that it began with until it ends."""
        copy = Path(self.mktemp()).absolute()
        for folder in ("daprdockr", "tests"):
            shutil.copytree(CHECKOUT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
        environment = {**os.environ, "PYTHONPATH": str(copy)}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=copy, env=environment, capture_output=True, text=True, check=False
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
