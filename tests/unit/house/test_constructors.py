"""How much a part is made with: who needs more than seven things does too much, or has them ungrouped."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.house.rooms import PURE
from tests.unit.house.sources import Source, lies_in, sources

MOST = 7
EXEMPT = {
    "Command",  # declares a command: a row of a table, which says what it runs
}
ACTING = {"Any", "Callable"}
"""A field of such a type does something. Without one a frozen class is a value, which may have many members."""


def decorators(cls: ast.ClassDef) -> set[str]:
    return {ast.unparse(found).partition("(")[0] for found in cls.decorator_list}


def fields(cls: ast.ClassDef) -> list[ast.AnnAssign]:
    """The fields that attrs takes as arguments of the constructor."""
    given = [node for node in cls.body if isinstance(node, ast.AnnAssign)]
    return [
        node
        for node in given
        if "ClassVar" not in ast.unparse(node.annotation)
        and not (node.value is not None and "init=False" in ast.unparse(node.value))
    ]


def is_value(source: Source, cls: ast.ClassDef) -> bool:
    """Whether it only holds data: in a pure module, or frozen with no field that does anything."""
    if lies_in(source.name, PURE):
        return True
    types = {name.id for f in fields(cls) for name in ast.walk(f.annotation) if isinstance(name, ast.Name)}
    return "frozen" in decorators(cls) and not types & ACTING


def taken(cls: ast.ClassDef) -> int:
    """How many arguments the constructor of a class takes, as far as the class says it itself."""
    for node in cls.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            given = node.args
            return len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs) - 1
    return len(fields(cls)) if decorators(cls) & {"define", "frozen"} else 0


def crowded(source: Source) -> Iterator[ast.ClassDef]:
    """The classes with effects that are made with too much."""
    classes = [node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef)]
    return (cls for cls in classes if taken(cls) > MOST and not is_value(source, cls))


class ConstructorTests(SynchronousTestCase):
    """Classes that have effects."""

    def test_seven(self) -> None:
        """None of them takes more than seven arguments."""
        breaches = [
            source.at(cls.lineno, f"{cls.name} takes {taken(cls)}")
            for source in sources("daprdockr")
            for cls in crowded(source)
            if cls.name not in EXEMPT
        ]
        self.assertEqual([], breaches)

    def test_counted(self) -> None:
        """Arguments of ``__init__`` and fields count alike; a record of data may have as many as it likes."""
        eight = ", ".join("abcdefgh")
        members = "\n".join(f"    {name}: int" for name in "abcdefgh")
        cases = {
            f"class A:\n    def __init__(self, {eight}): ...": ["A"],
            f"class A:\n    def __init__(self, *, {eight[3:]}): ...": [],
            f"@define\nclass A:\n{members}": ["A"],
            f"@frozen\nclass A:\n{members}": [],
            f"@frozen(kw_only=True)\nclass A:\n{members[:-5]}: Callable[[], int]": ["A"],
            f"@define\nclass A:\n{members} = field(init=False)": [],
        }
        for text, expected in cases.items():
            source = Source("daprdockr.agent.a", Path("a.py"), text, ast.parse(text))
            self.assertEqual([cls.name for cls in crowded(source)], expected, text)
