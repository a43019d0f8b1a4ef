"""
What a command is: one declaration, from which the command line is read and its help is written.

Each is a module of ``daprdockr.cli.commands`` with a ``COMMAND`` in it, loaded when it is asked for: loading all of
them would cost more than most of them take.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module

from attrs import frozen

from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.model.seams import Store

ACTIONS = {"get": "get", "set": "set", "stdin": "set", "del": "delete", "ip": "ip"}
"""Commands that are flags, as the first users type them, and their modules."""
WORDS = ("status", "ps", "nodes", "events", "wait", "drain", "uncordon", "trust-etcd", "completion")
"""Commands that are words; their modules have the same names, but for the dash."""


@frozen
class Command:
    """
    :ivar usage: the forms in which it is typed, each with one line on what it does; an action has its dash.
    :ivar run: carries a request out. :ivar offline: the same for a command that needs no etcd.
    :ivar flags: names of the flags that have a use with it, beside those of etcd.
    :ivar word: the one word that it takes, "SERVICE" (may be left out), "NODE" or "SHELL"; "" for none.
    :ivar choices: what that word may be, where it is one of a few.
    :ivar reference: what the reference page says of each form, where the line of the help is too short for it.
    :ivar check: raises BadInput when a request lacks something, or asks for what has no use.
    """

    name: str
    usage: tuple[tuple[str, str], ...]
    run: Callable[[Request, Store, Console], None] | None = None
    offline: Callable[[Request, Console], None] | None = None
    flags: tuple[str, ...] = ()
    word: str = ""
    choices: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()
    check: Callable[[Request], None] = lambda request: None

    @property
    def spelled(self) -> str:
        """As it is typed."""
        return self.name if self.name in WORDS else f"-{self.name}"


def spoken(form: str) -> list[str]:
    """The words and flags in a form of a command."""
    return re.findall(r"[\w-]+", form)


def load(name: str) -> Command:
    """The declaration of a command by its name, one of ``ACTIONS`` or ``WORDS``."""
    command = import_module(f"daprdockr.cli.commands.{ACTIONS.get(name, name.replace('-', '_'))}").COMMAND
    assert isinstance(command, Command)
    return command
