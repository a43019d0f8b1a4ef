"""The words of docstrings, comments and news: those that ``docs/design/vocabulary.rst`` retired do not come back."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.house.sources import CHECKOUT, Source, sources
from tests.unit.house.words import NO_SUBJECT, SENTENCE_ENDS, retired

LITERAL = re.compile(r"``.+?``|Note \[.+?\]|(?<=:param )\w+|(?<=:ivar )\w+", re.DOTALL)
"""A name of the code, or the title of a note."""

LUA_COMMENT = re.compile(r"(?:^|\s)--+(.*)")

Lines = Iterable[tuple[int, str]]
"""Texts with the numbers of their lines."""


def joined(lines: Lines) -> Iterator[tuple[int, str]]:
    """The comments, those on successive lines as one."""
    text, begin, end = "", 0, 0
    for line, comment in lines:
        if text and line != end + 1:
            yield begin, text
            text = ""
        begin, end = (begin if text else line), line
        text = f"{text} {comment}".strip()
    if text:
        yield begin, text


def comments(source: Source) -> Iterator[tuple[int, str]]:
    """Each comment of a Python file with its line."""
    if "#" in source.text:
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string.lstrip("#").strip()


def statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The statements of a body and of the bodies in it; their expressions, which are many, are left out."""
    for statement in body:
        yield statement
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from statements(getattr(statement, part, ()))


def docstrings(source: Source) -> Iterator[tuple[int, str]]:
    """Each text that stands as a statement, with its line: of a module, class, function, attribute or constant."""
    for node in statements(source.tree.body):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def lua_comments(path: Path) -> Iterator[tuple[int, str]]:
    """Each comment of a Lua file with its line."""
    for line, code in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if found := LUA_COMMENT.search(code):
            yield line, found[1].strip()


def texts() -> Iterator[tuple[Path, Lines]]:
    """The texts of each file that is searched."""
    for top in ("daprdockr", "tests", "benchmarks", "tools"):
        for source in sources(top):
            yield source.path, (*docstrings(source), *joined(comments(source)))
    for path in sorted((CHECKOUT / "daprdockr").rglob("*.lua")):
        yield path, joined(lua_comments(path))
    for path in sorted((CHECKOUT / "newsfragments").glob("*.rst")):
        yield path, enumerate(path.read_text(encoding="utf-8").splitlines(), 1)


@cache
def every_prose() -> tuple[tuple[str, str], ...]:
    """Each paragraph in one line, with its place; in the place of each literal stands ``x``."""
    return tuple(
        (f"{path.relative_to(CHECKOUT)}:{line}", " ".join(paragraph.split()))
        for path, lines in texts()
        for line, text in lines
        for paragraph in re.split(r"\n\s*\n|\n(?=\s*:\w)", LITERAL.sub("x", text))
    )


class CodeWordsTests(SynchronousTestCase):
    """All Python files of the package, the tests, the benchmarks and the tools; Lua, and news."""

    def test_every_kind_is_searched(self) -> None:
        """Each directory, and each kind of file, has prose."""
        places = {place.split("/")[0] for place, _ in every_prose()}
        self.assertEqual({"benchmarks", "daprdockr", "newsfragments", "tests", "tools"}, places)
        self.assertTrue([place for place, _ in every_prose() if ".lua:" in place])

    def test_retired_words(self) -> None:
        """No docstring and no comment uses any of the retired words."""
        used = re.compile("|".join(rf"\b{word}\b(?!-)" for word in retired()), re.IGNORECASE)
        found = [f"{place}: {hit[0]}: {text}" for place, text in every_prose() for hit in used.finditer(text)]
        self.assertEqual([], found)

    def test_sentences_have_a_subject(self) -> None:
        """No sentence begins with a relative clause without the noun that it belongs to."""
        found = [
            f"{place}: {sentence}"
            for place, text in every_prose()
            for sentence in SENTENCE_ENDS.split(text)
            if NO_SUBJECT.match(sentence)
        ]
        self.assertEqual([], found)
