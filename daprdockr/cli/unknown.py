# -*- test-case-name: tests.unit.cli.test_parse -*-
"""The error about a command that does not exist, with the one that may be meant."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from daprdockr.cli.command import WORDS
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

_OF_OTHERS: Mapping[str, str] = {
    "up": "daprdockrcmd apply -f FILE",
    **dict.fromkeys(("down", "rm"), "daprdockrcmd delete SERVICE, or GROUP for all of a group"),
    "stack": "daprdockrcmd apply -f FILE for stack deploy, and delete GROUP for stack rm",
    "stop": "daprdockrcmd scale SERVICE=0",
    "build": "daprdockrcmd push IMAGE, of an image that docker build made",
    "run": "daprdockrcmd job run SERVICE",
}
"""The commands that do what these words of docker and Compose do."""


def unknown(word: str) -> BadInput:
    """Return the error about a command that does not exist."""
    if word in _OF_OTHERS:
        return BadInput(f"{word} is not a known command: {_OF_OTHERS[word]}")
    close = "".join(f"did you mean {name}? " for name in get_close_matches(word, WORDS, n=1))
    return BadInput(f"{shorten(word)} is not a known command: {close}daprdockrcmd help lists all")
