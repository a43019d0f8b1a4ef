"""Which sleeps of a function are bounded waits: they poll for something until a deadline."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeGuard

SLEEPS = ("sleep", "time.sleep")
CLOCKS = ("monotonic", "time.monotonic")


def _is_call(node: ast.AST, names: tuple[str, ...]) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in names


def _is_bounded(loop: ast.AST) -> bool:
    """Whether a loop compares the clock with its deadline, as its own condition or in one that ends it."""
    return any(
        _is_call(clock, CLOCKS) and any(isinstance(name, ast.Name) and name.id == "deadline" for name in ast.walk(test))
        for test in ast.walk(loop)
        if isinstance(test, ast.Compare)
        for clock in ast.walk(test)
    )


def unbounded_sleeps(function: ast.AST, inside: ast.AST | None = None) -> Iterator[ast.Call]:
    """The sleeps that no loop around them ends at a deadline; ``inside`` is the innermost loop so far."""
    for node in ast.iter_child_nodes(function):
        if _is_call(node, SLEEPS) and not (inside and _is_bounded(inside)):
            yield node
        yield from unbounded_sleeps(node, node if isinstance(node, ast.While | ast.For) else inside)
