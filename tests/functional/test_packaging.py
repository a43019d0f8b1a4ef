"""Installations of the checkout by pip, into an environment that had nothing in it: each way of installing works."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from tools.release import build

CHECKOUT = Path(__file__).resolve().parents[2]
# Neither what other stages write while this one runs, nor what an earlier installation left.
NOT_COPIED = shutil.ignore_patterns(".*_cache", ".[!c]*", "*.egg-info", "__pycache__", "_trial_temp*", "build", "dist")
EPOCH = 1_700_000_000
PLUGIN = "twisted/plugins/daprdockr_plugin.py"
DATA = """
from importlib.resources import files
print(*(each.name for room in ("daprdockr", "daprdockr.api", "daprdockr.proxy") for each in files(room).iterdir()))
print(*(each.name for each in (files("daprdockr.proxy") / "lua/door").iterdir()))
"""


def run(*command: str, cwd: Path) -> str:
    """Run a command away from the checkout; its output. :raises AssertionError: with the output, if it fails."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


@frozen
class Environment:
    """
    A virtual environment that began empty, a copy of the checkout, and what was built from that.

    The packages we need came with the first installation, from the metadata of the wheel alone, so they are complete.
    """

    home: Path
    source: Path
    wheel: Path
    sdist: Path

    def program(self, name: str, *arguments: str) -> str:
        return run(str(self.home / "venv/bin" / name), *arguments, cwd=self.home)

    def pip(self, *arguments: str) -> str:
        return self.program("python", "-m", "pip", "--disable-pip-version-check", *arguments)

    def install(self, *what: str) -> None:
        """Install our distribution anew, in another way than before."""
        self.pip("install", "--quiet", "--no-deps", "--force-reinstall", *what)


@cache
def environment() -> Environment:
    """Made at the first use, because it takes a while, and removed when the process ends."""
    home = Path(tempfile.mkdtemp(prefix="daprdockr-packaging-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    source, built = home / "source", home / "built"
    shutil.copytree(CHECKOUT, source, ignore=NOT_COPIED)
    wheel, sdist = build(source, built, EPOCH)
    run(sys.executable, "-m", "venv", str(home / "venv"), cwd=home)
    made = Environment(home=home, source=source, wheel=wheel, sdist=sdist)
    made.pip("install", "--quiet", str(wheel))
    return made


class InstallationTests(SynchronousTestCase):
    """Each way of installing daprdockr gives the plugin, the commands and the data."""

    def assert_complete(self) -> None:
        installed = environment()
        self.assertRegex(installed.program("twistd", "--help"), r"(?m)^\s+daprdockr\s")
        self.assertIn("--etcd", installed.program("twistd", "daprdockr", "--help"))
        self.assertIn("--etcd", installed.program("daprdockrd", "--help"))
        self.assertIn("-svc", installed.program("daprdockrcmd", "--help"))
        data = installed.program("python", "-c", DATA).split()
        self.assertIn("py.typed", data)
        self.assertLessEqual({"nginx.conf.j2", "openapi.json"}, set(data))
        self.assertLessEqual({"choose.lua", "control.lua", "request.lua", "routes.lua"}, set(data))
        self.assertIn("No broken requirements", installed.pip("check"))

    def test_wheel(self) -> None:
        """A wheel works, and holds one file of Twisted's package and no other foreign one."""
        installed = environment()
        installed.install(str(installed.wheel))
        self.assert_complete()
        with zipfile.ZipFile(installed.wheel) as wheel:
            foreign = [name for name in wheel.namelist() if not name.startswith("daprdockr")]
        self.assertEqual([PLUGIN], foreign)

    def test_source_distribution(self) -> None:
        """A source distribution holds all that a wheel is built from."""
        installed = environment()
        installed.install(str(installed.sdist))
        self.assert_complete()

    def test_checkout(self) -> None:
        """``pip install .`` works."""
        installed = environment()
        installed.install(str(installed.source))
        self.assert_complete()

    def test_editable(self) -> None:
        """``pip install -e .`` works, the plugin too."""
        installed = environment()
        installed.install("--editable", str(installed.source))
        self.assert_complete()

    def test_uninstall(self) -> None:
        """Uninstalling takes our file out of Twisted's folder and leaves the rest of Twisted."""
        installed = environment()
        installed.install(str(installed.wheel))
        installed.pip("uninstall", "--quiet", "--yes", "daprdockr")
        listed = installed.program("twistd", "--help")
        self.assertNotIn("daprdockr", listed)
        self.assertIn("dns", listed)


class ReproducibleTests(SynchronousTestCase):
    """A release that is built again has the same files."""

    def test_same_bytes(self) -> None:
        """Another copy of the checkout, at another path with other times and another umask, gives the same bytes."""
        first = environment()
        source = first.home / "elsewhere/below/source"
        shutil.copytree(CHECKOUT, source, ignore=NOT_COPIED)
        for path in source.rglob("*"):
            path.chmod(path.stat().st_mode & 0o700)
            os.utime(path, (EPOCH, EPOCH))
        again = build(source, source.parent / "built", EPOCH)
        for one, other in zip((first.wheel, first.sdist), again, strict=True):
            self.assertEqual(one.name, other.name)
            self.assertTrue(one.read_bytes() == other.read_bytes(), f"{one.name} differs")
