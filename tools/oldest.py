"""
Run unit tests with the oldest version of each package that ``setup.py`` allows, and with the older of two Pythons: this
one, and that of the system, which most installations use.

    .venv/bin/python -m tools.oldest [--adapters] [TESTS]

The packages go into an environment of their own, which is made anew each time; what they depend on themselves, and what
only tests need, has its newest version there. Without names of tests all unit tests run but those of the house, which
know no package. ``--adapters`` runs those of the rooms in which a module imports a package, or a part of Python that
differs between its patch releases; Twisted and attrs, which all rooms import, do not count for that.

``.venv`` has the newest versions: each installation into an empty one takes them.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import requires
from pathlib import Path

from tools.stages import CHECKOUT

PLACE = CHECKOUT / ".test/oldest"
FOR_TESTS = ("dnspython", "docutils", "hypothesis", "jsonschema", "openapi-spec-validator")
"""These the unit tests import beside the packages of the agent."""

OF_PYTHON = frozenset({"asyncio", "ssl", "tarfile"})
"""The parts of Python that a room is tested for, too."""

OURS = {"daprdockr", "attr", "attrs", "twisted", "zope", *sys.stdlib_module_names} - OF_PYTHON

SYSTEM = Path("/usr/bin/python3")
FIRST = (3, 11)
"""The first release of Python that ``setup.py`` allows."""
_SAY_VERSION = "import sys; print(*sys.version_info[:3])"


def lowest(requirement: str) -> str:
    """The oldest version that a requirement allows: ``treq>=25.5`` as ``treq==25.5``."""
    found = re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement)
    if found is None:
        raise SystemExit(f"oldest: {requirement} has no lower bound alone: write it as name>=version in setup.py")
    return f"{found[1]}=={found[2]}"


def wanted() -> list[str]:
    """The oldest versions of all packages that an installation needs."""
    return [lowest(each) for each in requires("daprdockr") or [] if "extra ==" not in each]


def oldest_python(system: Path = SYSTEM) -> str:
    """The path of the older one: this Python, or that of the system if it is of an allowed release."""
    if not system.exists():
        return sys.executable
    said = subprocess.run([system, "-c", _SAY_VERSION], capture_output=True, text=True, check=True).stdout
    found = tuple(map(int, said.split()))
    return str(system) if FIRST <= found < sys.version_info[:3] else sys.executable


def imported(text: str) -> set[str]:
    """The packages of others, and parts of Python that count, that a module imports, anywhere in it."""
    nodes = list(ast.walk(ast.parse(text)))
    targets = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    targets += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    targets += re.findall(r'import_module\("([a-z]\w*)"\)', text)  # loaded by those alone who need it
    return {target.partition(".")[0] for target in targets} - OURS


def adapters(package: Path) -> list[Path]:
    """The rooms in which a module imports such a package or part, below ``package``."""
    return sorted({file.parent for file in package.rglob("*.py") if imported(file.read_text(encoding="utf-8"))})


def tests_of(rooms: Iterable[Path]) -> list[str]:
    """The modules of unit tests that stand in the rooms' places."""
    places = [CHECKOUT / "tests/unit" / room.relative_to(CHECKOUT / "daprdockr") for room in rooms]
    files = [file for place in places for file in sorted(place.glob("test_*.py"))]
    return [".".join(file.relative_to(CHECKOUT).with_suffix("").parts) for file in files]


def all_tests() -> list[str]:
    """The unit tests without those of the house."""
    parts = sorted((CHECKOUT / "tests/unit").iterdir())
    return [
        f"tests.unit.{part.stem}"
        for part in parts
        if (part.is_dir() or part.stem.startswith("test_")) and part.name not in ("house", "__pycache__")
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="oldest", description="Run unit tests with the oldest allowed packages.")
    parser.add_argument("--adapters", action="store_true", help="only the tests of rooms that import a package")
    parser.add_argument("tests", nargs="*", help="modules of tests")
    given = parser.parse_args()
    chosen = given.tests or (tests_of(adapters(CHECKOUT / "daprdockr")) if given.adapters else all_tests())
    base, python, packages = oldest_python(), str(PLACE / "bin/python"), wanted()
    subprocess.run([base, "-m", "venv", "--clear", "--without-pip", PLACE], check=True)
    print("with", base, *packages, flush=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, "install", "--quiet"]
    subprocess.run([*pip, *packages, *FOR_TESTS], check=True)
    trial = [python, "-m", "twisted.trial", "--temp-directory", ".test/trial-oldest", "--reporter=text", "-j2"]
    return subprocess.run([*trial, *chosen], cwd=CHECKOUT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
