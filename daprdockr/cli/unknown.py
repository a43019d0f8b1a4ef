# -*- test-case-name: tests.unit.cli.test_parse -*-
"""The error about a command that does not exist, with the one that may be meant."""

from __future__ import annotations

from collections.abc import Mapping

from daprdockr.cli.command import ACTIONS, WORDS
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

_OF_OTHERS: Mapping[str, str] = {
    **dict.fromkeys(("up", "create"), "daprdockrcmd apply -f FILE"),
    **dict.fromkeys(("down", "rm"), "daprdockrcmd delete SERVICE, or GROUP for all of a group"),
    "compose": "daprdockrcmd apply -f FILE for compose up, and delete GROUP for compose down",
    "stack": "daprdockrcmd apply -f FILE for stack deploy, and delete GROUP for stack rm",
    "start": "daprdockrcmd scale SERVICE=N",
    "stop": "daprdockrcmd scale SERVICE=0",
    "build": "daprdockrcmd push IMAGE, of an image that docker build made",
    "pull": "daprdockrcmd restart SERVICE, which pulls its image again",
    "run": "daprdockrcmd job run SERVICE",
    "ls": "daprdockrcmd status",
    "port": "daprdockrcmd ps SERVICE",
    "inspect": "daprdockrcmd -get -svc SERVICE",
    "config": "daprdockrcmd import FILE for a Compose file, and file set NAME FILE for config create",
    "service": "daprdockrcmd status for service ls, and ps, logs, scale, restart and rollback with a SERVICE",
    "node": "daprdockrcmd nodes for node ls, and drain, cordon and uncordon with a NODE",
    "alloc": "daprdockrcmd why, logs and exec with an INSTANCE",
}
"""The commands that do what these words of Docker, Compose and Nomad do."""


def known_word(word: str) -> str:
    """Return a command. :raises BadInput: it is none."""
    if word in WORDS or word in ACTIONS:
        return word
    if word in _OF_OTHERS:
        raise BadInput(f"{word} is not a known command: {_OF_OTHERS[word]}")
    from difflib import get_close_matches

    close = "".join(f"did you mean {name}? " for name in get_close_matches(word, WORDS, n=1))
    raise BadInput(f"{shorten(word)} is not a known command: {close}daprdockrcmd help lists all")
