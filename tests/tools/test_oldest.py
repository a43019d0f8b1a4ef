"""Which packages and which tests a run with the oldest allowed versions takes."""

from __future__ import annotations

import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tools.oldest import OF_PYTHON, adapters, all_tests, imported, lowest, oldest_python, tests_of, wanted
from tools.stages import CHECKOUT


class OldestTests(SynchronousTestCase):
    """The choice of packages and of tests."""

    def test_lower_bounds(self) -> None:
        """Each package that an installation needs is taken in the version that its bound names, and no tool is."""
        self.assertEqual("treq==25.5", lowest("treq>=25.5"))
        self.assertIn("treq==25.5", wanted())
        self.assertEqual([], [each for each in wanted() if each.startswith("ruff")])

    def test_no_bound(self) -> None:
        """A requirement without a lower bound, or with more than that, ends the run with one line."""
        for requirement in ("treq", "treq>=25.5,<30"):
            self.assertIn("name>=version", str(self.assertRaises(SystemExit, lowest, requirement)))

    def test_older_python(self) -> None:
        """The Python of the system is taken if it is older than this one, and new enough for an installation."""
        system = Path(self.mktemp()).absolute()
        self.assertEqual(sys.executable, oldest_python(system))
        for version, chosen in (("3 11 0", str(system)), ("3 10 12", sys.executable), ("3 99 0", sys.executable)):
            system.write_text(f"#!/bin/sh\necho {version}\n")
            system.chmod(0o700)
            self.assertEqual(chosen, oldest_python(system), version)

    def test_imported(self) -> None:
        """The packages of others count, however they are imported; those that all rooms use do not."""
        text = '''
        import json, grpc.aio, asyncio
        from attrs import frozen
        from twisted.internet import defer
        from . import near
        from daprdockr.model import host
        def later():
            """from there"""
            from docker.errors import APIError
            return import_module("yaml")
        '''
        self.assertEqual({"grpc", "docker", "yaml", "asyncio"}, imported(text.replace("\n        ", "\n")))

    def test_every_package_is_tested(self) -> None:
        """The rooms of the adapters import each package that an installation needs."""
        found = {name for room in adapters(CHECKOUT / "daprdockr") for file in room.glob("*.py") for name in _of(file)}
        modules = {
            "docker",
            "etcd3",
            "grpc",
            "google",
            "jinja2",
            "cryptography",
            "acme",
            "josepy",
            "requests",
            "urllib3",
        }
        modules |= {"treq", "idna", "yaml", "cronsim", "dotenv", "prometheus_client"}
        self.assertEqual(modules | OF_PYTHON, found)

    def test_their_tests(self) -> None:
        """The tests of a room are those that stand in its place; all tests are those, too, without the house."""
        self.assertIn("tests.unit.etcd.test_channel", tests_of([CHECKOUT / "daprdockr/etcd"]))
        self.assertNotIn("tests.unit.house", all_tests())
        self.assertEqual({"tests.unit.etcd", "tests.unit.test_tap"} - set(all_tests()), set())


def _of(file: Path) -> set[str]:
    return imported(file.read_text(encoding="utf-8"))
