"""
A stranger finds the tests of a module: they mirror it, or its first line names them, as Twisted's do, so that
``trial --testmodule FILE`` runs them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.house.sources import CHECKOUT, Source, lies_in, sources

# Modules that load or run another without an import, by a name in a string.
BY_NAME = {
    "daprdockr.cli.command": "daprdockr.cli.commands",
    "daprdockr.agent.guarding.guard_process": "daprdockr.guard.__main__",
    "daprdockr.proxy.relay": "daprdockr.relay.__main__",
    "tests.rig.agent_process": "daprdockr.tap",
    "tests.functional.test_etcd_stubs": "daprdockr.etcd.stubs",
}
# The modules from which all parts of a whole agent, and of a whole command line, are imported.
WHOLE = {"daprdockr.tap", "daprdockr.wiring.composition", "daprdockr.cli.main"}
# Rooms of tests that mirror nothing: whole agents, this checkout, and the fakes themselves.
MIRROR_NOTHING = ("tests.unit.whole", "tests.unit.house", "tests.unit.fakes")
NAMED = re.compile(r"# -\*- test-case-name: (?P<tests>[\w.,]+) -\*-")


@cache
def by_name() -> dict[str, Source]:
    return {source.name: source for top in ("daprdockr", "tests") for source in sources(top)}


def modules() -> Iterator[Source]:
    """The modules of the package that have something to test: an ``__init__`` says what a package is for, no more."""
    return (source for source in sources("daprdockr") if source.path.name != "__init__.py")


def is_test(name: str) -> bool:
    return name.rpartition(".")[2].startswith("test_")


def named(source: Source) -> list[str]:
    """The tests that a module's first line names."""
    found = NAMED.fullmatch(source.text.partition("\n")[0])
    return found["tests"].split(",") if found else []


def mirror(module: str) -> str:
    """The name of the test module that mirrors a module of the package."""
    room, _, own = module.removeprefix("daprdockr").rpartition(".")
    return f"tests.unit{room}.test_{own}"


def tests_of(source: Source) -> list[str]:
    """The test modules of a module, those that exist and those that do not; none if neither rule gives any."""
    mirrored = mirror(source.name)
    return list(dict.fromkeys([*([mirrored] if mirrored in by_name() else []), *named(source)]))


@cache
def imported(name: str) -> frozenset[str]:
    """The modules of ours that a module imports, or loads and runs otherwise."""
    known = by_name()
    targets = {found.target for found in known[name].imports()}
    found = {target if target in known else target.rpartition(".")[0] for target in targets}
    loaded = {other for other in known if name in BY_NAME and lies_in(other, [BY_NAME[name]])}
    return frozenset(found.intersection(known) | loaded)


def closure(start: str, *, through: str) -> set[str]:
    """All that a module imports, and what that imports as long as it lies in ``through``."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = imported(waiting.pop()) - found
        found |= new
        waiting += [name for name in new if lies_in(name, [through])]
    return found


@cache
def reached(test: str) -> frozenset[str]:
    """
    The modules that a test module tries: those that it imports itself or with its builders and fakes, and what those
    are made of in turn. Behind a test that runs a whole agent or a whole command line lies all that this is made of.
    """
    near = closure(test, through="tests")
    whole = [closure(name, through="daprdockr") for name in near & WHOLE]
    return frozenset(near.union(*whole, *(imported(name) for name in near if lies_in(name, ["daprdockr"]))))


class FindableTests(SynchronousTestCase):
    """From a module to its tests, and back."""

    def test_each_has_tests(self) -> None:
        """Each module has a test module that mirrors it, or names its tests in its first line."""
        untested = [source.at(1, "names no tests") for source in modules() if not tests_of(source)]
        self.assertEqual([], untested)

    def test_named_ones_exist(self) -> None:
        """Each name in a first line is that of a test module."""
        made_up = [
            source.at(1, f"names {test}")
            for source in modules()
            for test in named(source)
            if test not in by_name() or not is_test(test)
        ]
        self.assertEqual([], made_up)

    def test_named_ones_reach(self) -> None:
        """The tests of a module import it, or what is made of it, or run it as a part of the whole."""
        strangers = [
            source.at(1, f"is not reached by {test}")
            for source in modules()
            for test in tests_of(source)
            if test in by_name() and source.name not in reached(test)
        ]
        self.assertEqual([], strangers)

    def test_each_is_named(self) -> None:
        """Each module of unit tests mirrors a module of the package, or one of those names it."""
        claimed = {test for source in modules() for test in tests_of(source)}
        lost = [
            source.at(1, "mirrors no module, and none names it")
            for source in sources("tests")
            if lies_in(source.name, ["tests.unit"]) and not lies_in(source.name, MIRROR_NOTHING)
            if is_test(source.name) and source.name not in claimed
        ]
        self.assertEqual([], lost)

    def test_packages_hold_no_code(self) -> None:
        """The ``__init__`` of a package defines no function and no class, so that there is nothing to test in it."""
        full = [
            source.at(node.lineno, f"defines {node.name}")
            for source in sources("daprdockr")
            if source.path.name == "__init__.py"
            for node in source.tree.body
            if hasattr(node, "name")
        ]
        self.assertEqual([], full)

    def test_testmodule(self) -> None:
        """A first line is in the form that ``trial --testmodule`` reads."""
        from twisted.scripts.trial import getTestModules

        for source in modules():
            if named(source):
                self.assertEqual(getTestModules(str(source.path)), named(source), source.path.relative_to(CHECKOUT))
