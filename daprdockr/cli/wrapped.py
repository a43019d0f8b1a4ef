# -*- test-case-name: tests.unit.cli.commands.test_why -*-
"""Lines for people, no wider than a terminal."""

from __future__ import annotations

from textwrap import TextWrapper

WIDTH = 80


def wrapped(text: str, first: str = "", further: str = "  ") -> list[str]:
    """
    Return the text in lines.

    :param first: begins the first line, and ``further`` each other one.
    """
    return TextWrapper(WIDTH, first, further, break_long_words=False, break_on_hyphens=False).wrap(text)
