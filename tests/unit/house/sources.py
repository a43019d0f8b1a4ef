"""The Python files of the checkout as trees, for tests that read them instead of running them."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from attrs import frozen

CHECKOUT = Path(__file__).resolve().parents[3]


@frozen
class Import:
    """``from a import b`` is an import of ``a.b``. ``on_load``: outside of any function."""

    line: int
    target: str
    on_load: bool


@frozen(eq=False)
class Source:
    """A Python file of the checkout, by its dotted name."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    def at(self, line: int, what: str) -> str:
        return f"{self.path.relative_to(CHECKOUT)}:{line}: {what}"

    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    @cache  # noqa: B019  these few live as long as the process
    def imports(self) -> tuple[Import, ...]:
        return tuple(self._imports())

    def _imports(self) -> Iterator[Import]:
        for node, on_load in _statements(self.tree, True):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                targets = ["." * node.level + f"{node.module or ''}.{alias.name}" for alias in node.names]
            else:
                continue
            for target in targets:
                yield Import(node.lineno, target, on_load)


def _statements(parent: ast.AST, on_load: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """All statements below ``parent``, none of its expressions, and whether each runs when the file is imported."""
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.stmt):
            yield node, on_load
        if isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from _statements(node, on_load and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def sources(top: str) -> tuple[Source, ...]:
    """All Python files below ``daprdockr``, ``tests``, ``benchmarks`` or ``tools``."""
    gc.collect()
    gc.disable()  # millions of nodes that stay, and would be searched for garbage again and again
    try:
        return tuple(_source(path) for path in sorted((CHECKOUT / top).rglob("*.py")))
    finally:
        gc.freeze()
        gc.enable()


def _source(path: Path) -> Source:
    name = ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")
    text = path.read_text(encoding="utf-8")
    return Source(name, path, text, ast.parse(text, str(path)))


def lies_in(name: str, places: Iterable[str]) -> bool:
    """Whether a dotted name is one of ``places`` or below one."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


def defines(path: Path, name: str) -> bool:
    """Whether a module has that function, class or constant, or that method of a class."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for part in name.split("."):
        found = [one for one in body if part in names_of(one)]
        if not found:
            return False
        body = getattr(found[0], "body", [])
    return True


def names_of(statement: ast.stmt) -> list[str]:
    """The names that a statement of a module or class defines."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
