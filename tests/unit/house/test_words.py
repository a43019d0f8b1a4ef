"""The words of the documents: those that ``docs/design/vocabulary.rst`` retired do not come back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.house.pages import ARCHITECTURE, CONTRIBUTING, LINKED, README, read, section
from tests.unit.house.sources import CHECKOUT
from tests.unit.house.words import NO_SUBJECT, SENTENCE_ENDS, VOCABULARY, retired

PAGES = [README, CONTRIBUTING, *LINKED]


def is_quoted(node: nodes.Node) -> bool:
    """Whether a node is code, lists an expression that is not used, or is the title of a note in the package."""
    while node is not None and not isinstance(node, nodes.section | nodes.document):
        if isinstance(node, nodes.literal_block):
            return True
        if isinstance(node, nodes.entry) and node.parent.index(node) == 2 and node.document == read(VOCABULARY)[0]:
            return True
        node = node.parent
    return node == section(ARCHITECTURE, "Where each race is explained")


def paragraphs(page: Path) -> Iterator[str]:
    """The prose of a page; in the place of each literal stands ``x``."""
    document = read(page)[0]
    for part in document.findall(lambda node: isinstance(node, nodes.paragraph | nodes.title | nodes.term)):
        if not is_quoted(part):
            texts = ("x" if isinstance(node, nodes.literal) else node.astext() for node in part.children)
            yield " ".join("".join(texts).split())


class WordsTests(SynchronousTestCase):
    """All pages."""

    def test_retired_words(self) -> None:
        """No page uses an expression that was retired."""
        used = re.compile("|".join(rf"\b{word}\b(?!-)" for word in retired()), re.IGNORECASE)
        prose = [(page.name, text) for page in PAGES for text in paragraphs(page)]
        found = [(page, hit[0], text) for page, text in prose for hit in used.finditer(text)]
        self.assertEqual([], found)

    def test_retired_words_in_settings(self) -> None:
        """The comments of the files that a person copies use none either."""
        used = re.compile("|".join(rf"\b{word}\b(?!-)" for word in retired()), re.IGNORECASE)
        files = sorted((CHECKOUT / "etc").glob("daprdockr.*"))
        self.assertTrue(files)
        self.assertEqual([], [(path.name, hit[0]) for path in files for hit in used.finditer(path.read_text())])

    def test_sentences_have_a_subject(self) -> None:
        """No sentence begins with a relative clause without the noun that it belongs to."""
        found = [
            (page.name, sentence)
            for page in PAGES
            for text in paragraphs(page)
            for sentence in SENTENCE_ENDS.split(text)
            if NO_SUBJECT.match(sentence)
        ]
        self.assertEqual([], found)
