"""The stages of the tests: which commands, in which order, and which of them run beside others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PYTHON = ".venv/bin/python"
TYPED = ["setup.py", "benchmarks", "daprdockr", "tests", "tools"]
FAULTS, SEED = 10, 139
"""A short run of the fault suite, the same each time; ``make chaos`` makes a long one."""
IDLE = ["nice", "-n", "19"]
PACKAGING = "test_packaging"
CALM = (
    *("test_acme", "test_cli", "test_completion", "test_full_disk", "test_guard"),
    *("test_etcd_refusals", "test_etcd_restored", "test_etcd_role"),
)
"""
The beginnings of the names of functional tests of single parts that wait most of the time: not more of them than end
before the cluster's do.
"""
AMONG_PARTS = ("test_agent_clock",)
"""Tests of whole agents that run among those of single parts, whose lane would end minutes earlier."""


def with_engine(home: str, command: list[str]) -> list[str]:
    """The same command with a Docker Engine, a private one below ``home`` if none answers."""
    return [PYTHON, "-m", "tests.rig.engine", "run", f".test/{home}", "--", *command]


@dataclass(frozen=True)
class Step:
    """
    One command of a stage.

    ``trial`` says that it is a test run whose summary counts its tests. The steps of one ``lane`` run in their order,
    beside those of other lanes; "" is the lane whose output is shown as it comes. A step begins when all of the lane
    ``after`` have ended.
    """

    stage: str
    title: str
    command: list[str]
    trial: bool = False
    lane: str = ""
    after: str = ""


def trial(stage: str, tests: list[str], *options: str) -> list[str]:
    return [PYTHON, "-m", "twisted.trial", "--temp-directory", f".test/trial-{stage}", *options, *tests]


def covered(command: list[str]) -> list[str]:
    """The same command of Python, watched by coverage."""
    return [command[0], "-m", "coverage", "run", *command[1:]]


def check() -> list[Step]:
    """The steps that are worth a minute before each commit."""
    unit = trial("check", ["tests.unit", "tests.tools"], "--reporter=text", "-j2")
    return [*(step for step in steps() if step.stage in ("lint", "types")), Step("check", "unit tests", unit, True)]


def steps() -> list[Step]:
    """All steps in the order in which a mistake is cheapest to find."""
    return [*quick_steps(), *real_steps()]


def quick_steps() -> list[Step]:
    """Return the steps that need no real part."""
    two = ("--reporter=text", "-j2")
    unit = trial("unit", ["tests.unit", "tests.tools"], *two)
    return [
        Step("lint", "rules (ruff check)", [PYTHON, "-m", "ruff", "check", "."]),
        Step("lint", "format (ruff format)", [PYTHON, "-m", "ruff", "format", "--check", "."]),
        Step("types", "types (mypy --strict)", [PYTHON, "-m", "mypy", *TYPED]),
        Step("unit", "forget what earlier runs reached", [PYTHON, "-m", "coverage", "erase"]),
        Step("unit", "unit tests", covered(unit), True),
        Step("unit", "what each process of theirs reached", [PYTHON, "-m", "coverage", "combine", "--quiet"]),
        Step(
            "coverage",
            "lines and branches that the unit tests reach",
            [PYTHON, "-m", "coverage", "report", "--skip-covered"],
        ),
        Step("properties", "laws on drawn inputs", trial("properties", ["tests.properties"], *two), True),
    ]


def real_steps() -> list[Step]:
    """
    Return the steps that need real parts.

    Most of them wait more than they compute: single parts and whole agents are tested side by side, each with an Engine
    of its own, and the models are searched at the lowest priority beside all of them. The cluster has beside it what is
    ``CALM``.
    """
    found = sorted(path.stem for path in (CHECKOUT / "tests/functional").glob("test_*.py"))
    several_hosts = [name for name in found if name.startswith("test_cluster_")]
    agents = [name for name in found if name.startswith("test_agent_") and name not in AMONG_PARTS]
    calm = [name for name in found if name.startswith(CALM)]
    parts = [name for name in found if name not in (*several_hosts, *agents, *calm, PACKAGING)]
    return [
        Step(
            "model",
            "the models of claims and rollouts, searched by spin",
            [*IDLE, PYTHON, "-m", "tools.check_model"],
            lane="models",
        ),
        Step(
            "oldest",
            "unit tests of what imports a package, with the oldest ones and the oldest Python",
            ["nice", "-n", "5", PYTHON, "-m", "tools.oldest", "--adapters"],  # no later than their time-outs
            True,
            lane="models",
        ),
        functional("whole agents", "agents", agents, lane="agents"),
        functional("single parts: a real etcd, Docker Engine and nginx", "parts", parts),
        functional("single parts that ask little of the processors", "calm", calm, lane="calm"),
        Step(
            "packaging",
            "packaging tests: wheel, source and editable installations (a minute or two)",
            trial("packaging", modules([PACKAGING]), "--reporter=timing"),
            True,
            lane="calm",
        ),
        Step(
            "demo",
            "the demo (make demo ONCE=1)",
            ["make", "--no-print-directory", "demo", "ONCE=1"],
            lane="calm",
        ),
        Step(
            "cluster",
            "tests on a cluster of three hosts (a quarter of an hour)",
            trial("cluster", modules(several_hosts), "--reporter=timing"),
            True,
            after="agents",
        ),
        Step(
            "chaos",
            f"{FAULTS} random faults on a cluster of five hosts (some minutes)",
            [PYTHON, "-m", "tests.chaos", "--seed", str(SEED), "--faults", str(FAULTS)],
            after="calm",
        ),
    ]


def functional(what: str, place: str, names: list[str], lane: str = "") -> Step:
    """Return a step of functional tests, which has an Engine and a directory at ``place``."""
    command = with_engine(f"engine-{place}", trial(place, modules(names), "--reporter=timing"))
    return Step("functional", f"functional tests of {what}", command, True, lane=lane)


def modules(names: list[str]) -> list[str]:
    return [f"tests.functional.{name}" for name in names]
