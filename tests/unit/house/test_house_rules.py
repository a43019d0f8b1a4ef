"""
The rules of the house that no tool of others checks, read from the sources: who imports whom, what pure code may not
touch, and how things are called. ``docs/design/architecture.rst`` has the reasons.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.house.rooms import FLOORS, PURE, ROOMS
from tests.unit.house.sleeps import unbounded_sleeps
from tests.unit.house.sources import CHECKOUT, Source, lies_in, sources

# Imported in these modules and rooms alone.
ONLY_IN: Mapping[str, tuple[str, ...]] = {
    "etcd3": ("daprdockr.etcd.stubs",),
    "grpc": ("daprdockr.runtime.quiet_grpc",),
    "google": ("daprdockr.etcd.stubs",),
    "docker": ("daprdockr.engine",),
    "acme": ("daprdockr.acme",),
    "josepy": ("daprdockr.acme",),
    "requests": ("daprdockr.engine", "daprdockr.acme"),
    "urllib3": ("daprdockr.engine", "daprdockr.acme"),
    "jinja2": ("daprdockr.page", "daprdockr.proxy"),
    "cryptography": ("daprdockr.sealing", "daprdockr.acme.keys"),
    "dotenv": ("daprdockr.compose.variables",),
    "idna": ("daprdockr.model.host_names",),
    "prometheus_client": ("daprdockr.api.exposition",),
    "twisted.internet.reactor": ("daprdockr.tap", "daprdockr.wiring", "daprdockr.daemon"),
}
# Imported in one module at the most, whichever it is.
BEHIND_ONE_MODULE = ("treq",)
# Imports the standard library and itself: a process of its own, which must be small and break with nobody.
SELF_SUFFICIENT = ("daprdockr.guard", "daprdockr.relay")
# Never imported in these.
NEVER_IN: Mapping[str, tuple[str, ...]] = {
    "daprdockr.cli": ("daprdockr.agent", "twisted"),
}

IMPURE = ("time", "datetime", "random", "secrets", "os", "socket", "subprocess", "threading", "logging", "twisted")
# These turn moments that they are given into dates, or back, and read no clock.
DATES_ALL_THE_SAME = ("daprdockr.picture.cells", "daprdockr.model.wanted.schedule")
CLOCK_READINGS = {"now", "today", "utcnow"}

SUBSCRIPTIONS = "daprdockr.wiring.subscriptions"

MADE_ONCE = {"Keys()", "ServiceName(group='myapp', service='web')", "ServiceName(group='myapp', service='api')"}
# Functions that sleep as long as their argument says: faults come at their times, and a long way takes its time.
TAKE_THEIR_TIME = {("tests.chaos.scene", "pause"), ("tests.rig.distant", "_give")}

EMPTY_WORDS = {"manager", "handler", "util", "utils", "helper", "helpers", "common", "misc"}
LONGEST_MODULE = {"daprdockr": 400, "tools": 400, "tests": 600}
A_DEVELOPERS_PATH = re.compile(r"(?<![\w.])/(?:home|root|work|Users)/[a-z]")
FOLDERS = ("benchmarks", "daprdockr", "docs", "etc", "scripts", "tests", "tools", "twisted")
TEXTS = ("*.py", "*.rst", "*.j2", "*.lua", "*.conf", "*.json", "*.toml", "*.env", "*.service")


def room(name: str) -> str | None:
    """The room of a module or of what is imported from one; None for the root's own names, free to all."""
    part = name.split(".")[1:2]
    return part[0] if part and part[0] in ROOMS else None


def floor(name: str) -> tuple[str, int] | None:
    """
    The floor of a module within its room, as part and number; None where the room has none, or says nothing of it.
    """
    parts = name.split(".")[1:3]
    if len(parts) < 2:
        return None
    levels = FLOORS.get(parts[0], ())
    return next(((parts[1], number) for number, level in enumerate(levels) if parts[1] in level), None)


def words(name: str) -> set[str]:
    """The words of ``SomeName``, ``some_name`` or ``some.name``, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


class ImportTests(SynchronousTestCase):
    """The imports that are allowed."""

    def test_rooms_downward(self) -> None:
        """A module imports from its own room and from rooms below, each name in full."""
        breaches = [
            source.at(found.line, f"{own} imports {found.target}")
            for source in sources("daprdockr")
            for own in [room(source.name)]
            for found in source.imports()
            for other in [room(found.target) if lies_in(found.target, ["daprdockr"]) else None]
            if found.target.startswith(".") or (other and other != own and (own is None or ROOMS[other] >= ROOMS[own]))
        ]
        self.assertEqual([], breaches)

    def test_floors_downward(self) -> None:
        """Within a room a folder imports from itself and from floors below; those of one floor never see each other."""
        breaches = [
            source.at(found.line, f"{own[0]} imports {found.target}")
            for source in sources("daprdockr")
            for own in [floor(source.name)]
            for found in source.imports()
            for other in [floor(found.target)]
            if own and other and room(found.target) == room(source.name)
            if other[0] != own[0] and other[1] >= own[1]
        ]
        self.assertEqual([], breaches)

    def test_each_folder_has_a_floor(self) -> None:
        """Each folder of a room has its place among the floors, and no floor names what is not there."""
        there = {tuple(source.name.split(".")[1:3]) for source in sources("daprdockr") if source.name.count(".") >= 2}
        folders = {(a, b) for a, b in there if (CHECKOUT / "daprdockr" / a / b).is_dir()}
        named = {(name, part) for name, levels in FLOORS.items() for level in levels for part in level}
        self.assertEqual((set(), set()), (folders - named - {("cli", "commands")}, named - there))

    def test_each_package_is_a_room(self) -> None:
        """Each package and each single module below ``daprdockr`` has its place in the order of rooms."""
        homeless = {s.name for s in sources("daprdockr") if s.name != "daprdockr" and room(s.name) is None}
        self.assertEqual(set(), homeless)

    def test_foreign_packages_at_home(self) -> None:
        """A foreign package is imported in the room that adapts it and nowhere else."""
        breaches = [
            source.at(found.line, f"imports {found.target}, only {' and '.join(homes)} may")
            for source in sources("daprdockr")
            for found in source.imports()
            for package, homes in ONLY_IN.items()
            if lies_in(found.target, [package]) and not lies_in(source.name, homes)
        ]
        self.assertEqual([], breaches)

    def test_foreign_packages_behind_one_module(self) -> None:
        """A foreign package with no room of its own is imported by one module at the most."""
        for package in BEHIND_ONE_MODULE:
            importers = [
                source.name
                for source in sources("daprdockr")
                if any(lies_in(found.target, [package]) for found in source.imports())
            ]
            self.assertTrue(len(importers) <= 1, f"{package} is imported by {importers}")

    def test_never(self) -> None:
        """The command line needs neither the loops nor a reactor."""
        breaches = [
            source.at(found.line, f"imports {found.target}")
            for source in sources("daprdockr")
            for place, forbidden in NEVER_IN.items()
            if lies_in(source.name, [place])
            for found in source.imports()
            if lies_in(found.target, forbidden)
        ]
        self.assertEqual([], breaches)

    def test_self_sufficient(self) -> None:
        """A process beside the agent needs nothing that may be missing, slow or broken."""
        breaches = [
            source.at(found.line, f"imports {found.target}")
            for source in sources("daprdockr")
            if lies_in(source.name, SELF_SUFFICIENT)
            for found in source.imports()
            if found.target.partition(".")[0] not in sys.stdlib_module_names
            and not lies_in(found.target, SELF_SUFFICIENT)
        ]
        self.assertEqual([], breaches)

    def test_reactor_inside_functions(self) -> None:
        """Loading a module installs no reactor: who needs the global one imports it inside a function."""
        breaches = [
            source.at(found.line, "imports the global reactor on load")
            for source in sources("daprdockr")
            for found in source.imports()
            if found.on_load and found.target == "twisted.internet.reactor"
        ]
        self.assertEqual([], breaches)

    def test_pure(self) -> None:
        """Pure modules reach for no clock, chance, environment, file descriptor, thread, log or Twisted."""
        breaches = [
            source.at(found.line, f"is pure and imports {found.target}")
            for source in sources("daprdockr")
            if lies_in(source.name, PURE)
            for found in source.imports()
            if lies_in(found.target, IMPURE)
            if source.name not in DATES_ALL_THE_SAME or not lies_in(found.target, ["datetime"])
        ]
        self.assertEqual([], breaches)

    def test_dates_without_a_clock(self) -> None:
        """The pure modules that know dates know those that they are given: they ask for no time of their own."""
        writers = [source for source in sources("daprdockr") if source.name in DATES_ALL_THE_SAME]
        self.assertEqual(len(writers), len(DATES_ALL_THE_SAME))
        asked = [node.attr for one in writers for node in ast.walk(one.tree) if isinstance(node, ast.Attribute)]
        self.assertEqual(set(), CLOCK_READINGS.intersection(asked))

    def test_subscribed_in_one_place(self) -> None:
        """All subscriptions are read in one module: nobody else subscribes to anything."""
        breaches = [
            source.at(call.lineno, ast.unparse(call))
            for source in sources("daprdockr")
            if not lies_in(source.name, (SUBSCRIPTIONS, "daprdockr.runtime"))
            for call in ast.walk(source.tree)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "subscribe"
        ]
        self.assertEqual([], breaches)

    def test_tests_stand_alone(self) -> None:
        """A test module imports nothing from another one: what two of them need lies with the builders, or the rig."""
        breaches = [
            source.at(found.line, f"imports {found.target}")
            for top in ("tests", "benchmarks", "tools")
            for source in sources(top)
            for found in source.imports()
            if found.target.startswith("tests.") and re.search(r"\.test_\w+(\.|$)", found.target)
        ]
        self.assertEqual([], breaches)

    def test_one_home_of_names(self) -> None:
        """The keys, and the service that most tests speak of, are made in ``tests.build.values`` alone."""
        breaches = [
            source.at(node.lineno, ast.unparse(node))
            for source in sources("tests")
            if source.name != "tests.build.values"
            for node in source.tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.value) in MADE_ONCE
        ]
        self.assertEqual([], breaches)

    def test_tests_patch_nothing(self) -> None:
        """Tests hand in fakes: none imports a mock library."""
        breaches = [
            source.at(found.line, f"imports {found.target}")
            for source in sources("tests")
            for found in source.imports()
            if lies_in(found.target, ["mock", "unittest.mock"])
        ]
        self.assertEqual([], breaches)


def types_of(source: Source) -> Iterator[str]:
    """The public classes of a module, and the names that it gives to types; a type variable is none."""
    for node in source.tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if re.fullmatch(r"[A-Z][a-z]\w*", name):
                yield name


class FormTests(SynchronousTestCase):
    """How long modules are, what they are called, and what they may say."""

    def every_source(self) -> list[Source]:
        return [source for top in LONGEST_MODULE for source in sources(top)]

    def test_one_meaning(self) -> None:
        """No public class, and no public name of a type, is defined twice in the package."""
        defined: dict[str, list[str]] = {}
        for source in sources("daprdockr"):
            for name in types_of(source):
                defined.setdefault(name, []).append(source.name)
        self.assertEqual({name: where for name, where in defined.items() if len(where) > 1}, {})

    def test_lengths(self) -> None:
        """No module is longer than a reader's patience."""
        breaches = [
            source.at(length, "is too long: it has more than one reason to be opened")
            for top, limit in LONGEST_MODULE.items()
            for source in sources(top)
            if (length := len(source.text.splitlines())) > limit
        ]
        self.assertEqual([], breaches)

    def test_docstrings(self) -> None:
        """Each module and package says what it owns."""
        silent = [
            source.at(1, "has no docstring") for source in self.every_source() if not ast.get_docstring(source.tree)
        ]
        self.assertEqual([], silent)

    def test_test_docstrings(self) -> None:
        """Each test states a behaviour in the present tense."""
        breaches = [
            source.at(node.lineno, f"{node.name}: {says or 'has no docstring'}")
            for source in sources("tests")
            for node in source.functions()
            if node.name.startswith("test_")
            for says in [ast.get_docstring(node) or ""]
            if not says or re.match(r"tests? that\b", says, re.IGNORECASE) or re.search(r"\bshould\b", says)
        ]
        self.assertEqual([], breaches)

    def test_sleeps_are_bounded_waits(self) -> None:
        """A test sleeps only while it polls, until a deadline, for what gives no event."""
        breaches = [
            source.at(call.lineno, "sleeps without a deadline that ends its loop")
            for source in sources("tests")
            for function in source.functions()
            if (source.name, function.name) not in TAKE_THEIR_TIME
            for call in unbounded_sleeps(function)
        ]
        self.assertEqual([], breaches)

    def test_names_say_something(self) -> None:
        """No module, class or function has a name that would fit any other as well."""
        definitions = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        breaches = [source.at(1, source.name) for source in self.every_source() if words(source.name) & EMPTY_WORDS]
        breaches += [
            source.at(node.lineno, node.name)
            for source in self.every_source()
            for node in ast.walk(source.tree)
            if isinstance(node, definitions) and words(node.name) & EMPTY_WORDS
        ]
        self.assertEqual([], breaches)

    def test_no_path_of_a_developers_machine(self) -> None:
        """No file names a directory that only its author has."""
        files = [path for top in FOLDERS for kind in TEXTS for path in (CHECKOUT / top).rglob(kind)]
        breaches = [
            f"{path.relative_to(CHECKOUT)}:{number}: {line.strip()}"
            for path in sorted(files)
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            if A_DEVELOPERS_PATH.search(line)
        ]
        self.assertEqual([], breaches)


class DistributionTests(SynchronousTestCase):
    """The packages that setup.py lists by hand."""

    def test_packages_listed(self) -> None:
        """The packages of setup.py are those of the checkout, and the folder of the plugin."""
        tree = ast.parse((CHECKOUT / "setup.py").read_text(encoding="utf-8"))
        listed = [
            ast.literal_eval(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.keyword) and node.arg == "packages"
        ]
        packages = [source.name for source in sources("daprdockr") if source.path.name == "__init__.py"]
        self.assertEqual([[*packages, "twisted.plugins"]], listed)

    def test_plugin_folder(self) -> None:
        """No ``__init__.py`` hides the plugin from Twisted, or Twisted from Python."""
        self.assertEqual([], sorted((CHECKOUT / "twisted").rglob("__init__.py")))
