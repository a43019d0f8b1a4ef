"""The words of docstrings and comments: those that ``docs/design/vocabulary.rst`` retired do not come back."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.house.sources import Source, sources
from tests.unit.house.words import NO_SUBJECT, SENTENCE_ENDS, retired

LITERAL = re.compile(r"``.+?``|Note \[.+?\]", re.DOTALL)
"""A name of the code, or the title of a note."""


def comments(source: Source) -> Iterator[tuple[int, str]]:
    """Each comment with its line, those on several lines as one."""
    text, begin, end = "", 0, 0
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT:
            if text and token.start[0] != end + 1:
                yield begin, text
                text = ""
            begin, end = (begin if text else token.start[0]), token.start[0]
            text = f"{text} {token.string.lstrip('#').strip()}".strip()
    if text:
        yield begin, text


def docstrings(source: Source) -> Iterator[tuple[int, str]]:
    """Each text that stands as a statement, with its line: of a module, class, function, attribute or constant."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def prose(source: Source) -> Iterator[tuple[int, str]]:
    """Comments and docstrings in one line each; in the place of each literal stands ``x``."""
    for line, text in (*docstrings(source), *comments(source)):
        for paragraph in re.split(r"\n\s*\n|\n(?=\s*:\w)", LITERAL.sub("x", text)):
            yield line, " ".join(paragraph.split())


class CodeWordsTests(SynchronousTestCase):
    """All modules of the package."""

    def every_prose(self) -> list[tuple[Source, int, str]]:
        return [(source, line, text) for source in sources("daprdockr") for line, text in prose(source)]

    def test_retired_words(self) -> None:
        """No docstring and no comment uses an expression that was retired."""
        used = re.compile("|".join(rf"\b{word}\b(?!-)" for word in retired()), re.IGNORECASE)
        found = [
            source.at(line, f"{hit[0]}: {text}")
            for source, line, text in self.every_prose()
            for hit in used.finditer(text)
        ]
        self.assertEqual([], found)

    def test_sentences_have_a_subject(self) -> None:
        """No sentence begins with a relative clause without the noun that it belongs to."""
        found = [
            source.at(line, sentence)
            for source, line, text in self.every_prose()
            for sentence in SENTENCE_ENDS.split(text)
            if NO_SUBJECT.match(sentence)
        ]
        self.assertEqual([], found)
