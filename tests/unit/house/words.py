"""The words that the vocabulary retired, and sentences that lack a subject."""

from __future__ import annotations

import re
from functools import cache

from docutils import nodes

from tests.unit.house.pages import DESIGN, literals, section

VOCABULARY = DESIGN / "vocabulary.rst"

NO_SUBJECT = re.compile(r"(?:Who|Whoever|Whose|What|Whatever)\b[^?]*[.:;]$", re.DOTALL)
"""A sentence that begins with a relative clause in the place of its subject."""

SENTENCE_ENDS = re.compile(r"(?<=[.?!:])\s+")


@cache
def retired() -> tuple[str, ...]:
    """The words in the table of those no longer used."""
    (body,) = section(VOCABULARY, "Words no longer used").findall(nodes.tbody)
    first = (next(row.findall(nodes.entry)) for row in body.findall(nodes.row))
    return tuple(word for entry in first for word in literals(entry))
