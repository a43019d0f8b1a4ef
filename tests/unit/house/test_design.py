"""The tables of the design pages list what is there: each key and record in etcd, each step, each loop."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from inspect import getmembers, isfunction
from pathlib import Path
from typing import Any, get_type_hints

from docutils import nodes
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.statedir import DIRECTORIES, FILES
from daprdockr.arguments.local_reads import SOCKET
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.mirrored_keys import MIRRORED
from daprdockr.peer.admission import MOST
from daprdockr.process.held import LOCK
from tests.build.values import WEB
from tests.unit.house.pages import ARCHITECTURE, DESIGN, literals, read, rows, section
from tests.unit.house.sources import CHECKOUT, sources

KEYS = DESIGN / "etcd-keys.rst"
RECONCILE = DESIGN / "reconcile.rst"
PACKAGE = CHECKOUT / "daprdockr"
MODULES = {"dns.rst": "dns", "jobs.rst": "planning/jobs", "partition.rst": "guard", "proxy.rst": "proxy"}
MODULES |= {"reconcile.rst": "planning"}
EXAMPLES = {ServiceName: WEB, InstanceName: InstanceName(WEB, 1), str: "a", int: 1}


def made_keys() -> Iterator[str]:
    """An example of each key that ``Keys`` makes, below ``/x``, and not the prefixes of several."""
    keys = Keys("/x")
    for name, made in getmembers(Keys):
        found: Any = None
        if isinstance(made, property):
            found = getattr(keys, name)
        elif isfunction(made) and not name.startswith("_") and get_type_hints(made)["return"] is str:
            kinds = {one: kind for one, kind in get_type_hints(made).items() if one != "return"}
            found = getattr(keys, name)(**{one: EXAMPLES[kind] for one, kind in kinds.items()})
        if isinstance(found, str) and not found.endswith("/"):
            yield found


def told_keys() -> Iterator[str]:
    """A pattern for each key in the tables of the page."""
    for table, root in enumerate(("/x/", "/x-sealed/")):
        for row in rows(KEYS, "Keys in etcd", table):
            yield re.escape(root) + re.sub("<[^>]+>", "[^/]+", row[0].replace("…", ".+"))


def first_table(page: str) -> list[list[str]]:
    """The rows of the first table of a page."""
    document = read(DESIGN / page)[0]
    return rows(DESIGN / page, document[0].astext())


def record_members() -> Iterator[tuple[str, str]]:
    """The members of all records that are stored as JSON, each with its module."""
    for source in sources("daprdockr"):
        if source.path.parent.name != "stored":
            continue
        for table in vars(import_module(source.name)).values():
            if isinstance(table, dict) and table and all(isinstance(one, tuple) for one in table.values()):
                yield from ((source.path.name, member) for member in table)


class EtcdKeysTests(SynchronousTestCase):
    """``etcd-keys.rst``."""

    def test_keys(self) -> None:
        """Its tables have each key that the code makes, and no other; the renewer makes those of its own."""
        made, told = list(made_keys()), list(told_keys())
        self.assertTrue(made)
        self.assertEqual([], [key for key in made if not any(re.fullmatch(one, key) for one in told)])
        rest = [one for one in told if not any(re.fullmatch(one, key) for key in made)]
        self.assertEqual([], [one for one in rest if not one.startswith(re.escape(Keys("/x").renewing))])

    def test_mirrored(self) -> None:
        """It names the places that an agent mirrors, and no others."""
        first = next(section(KEYS, "How they are read").findall(nodes.paragraph))
        self.assertEqual(set(MIRRORED), {text for text in literals(first) if re.fullmatch("[a-z]+/?", text)})

    def test_members(self) -> None:
        """It explains each member of a record that is stored, or shows it in an example."""
        page = read(KEYS)[0]
        shown = set(re.findall(r'"(\w+)"', page.astext())) | set(literals(page))
        members = set(record_members())
        self.assertIn(("claim.py", "Node"), members)
        self.assertEqual([], sorted((name, member) for name, member in members if member not in shown))


class TablesTests(SynchronousTestCase):
    """Other pages."""

    def test_modules(self) -> None:
        """Each module in a table of modules is there, and each file of Lua is in the one of nginx."""
        for page, room in MODULES.items():
            names = {path.stem for path in (PACKAGE / room).rglob("*")}
            told = {name for name, _ in first_table(page) if re.fullmatch(r"\w+", name)}
            self.assertTrue(told)
            self.assertEqual(set(), told - names, page)
        lua = dict(first_table("proxy.rst"))["lua/door"]
        files = [path.stem for path in (PACKAGE / "proxy/lua/door").iterdir()]
        self.assertEqual([], [name for name in files if not re.search(rf"\b{name}\b", lua)])

    def test_bounds_of_sessions(self) -> None:
        """The number of sessions of each kind that a node has under way is stated."""
        bound = " ".join(section(DESIGN / "peer.rst", "Bounds").astext().split())
        (told,) = re.findall(r"A node has (.*?) under way", bound)
        self.assertEqual(Counter(str(most) for most in MOST.values()), Counter(re.findall(r"\d+", told)))

    def test_files_of_a_host(self) -> None:
        """The table of files has each one in the folder ``cluster`` of the state directory."""
        files = ClusterFiles(Path("/x"))
        made = [getattr(files, name) for name, one in getmembers(ClusterFiles) if isinstance(one, property)]
        there = {path.name for path in made if isinstance(path, Path) and path.parent == files.directory}
        self.assertEqual(there, {row[0] for row in rows(DESIGN / "joining.rst", "The files of a host")})

    def test_state_directory(self) -> None:
        """The files in the state directory of an agent are listed."""
        told = set(literals(section(ARCHITECTURE, "What a new agent takes up")))
        self.assertEqual(set(), {*FILES, *DIRECTORIES, LOCK, SOCKET, "cluster.key"} - told)

    def test_steps(self) -> None:
        """The table of steps has each step of a plan, and no other."""
        steps = {
            node.name
            for source in sources("daprdockr")
            if re.fullmatch(r"daprdockr\.planning\.\w+_steps", source.name)
            for node in source.tree.body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("On")
        }
        self.assertEqual(steps, {row[0] for row in rows(RECONCILE, "Steps and lanes")})

    def test_loops(self) -> None:
        """The table of loops has each module with a service that polls."""
        polling = {
            str(source.path).partition("/daprdockr/")[2]
            for source in sources("daprdockr")
            for node in source.tree.body
            if isinstance(node, ast.ClassDef)
            and any(isinstance(base, ast.Name) and base.id in ("Periodic", "LivenessProbe") for base in node.bases)
        }
        told = {row[0] for row in rows(ARCHITECTURE, "The loops")}
        self.assertEqual(set(), polling - {"agent/host/liveness.py"} - told)
