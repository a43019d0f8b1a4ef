"""
The declaration of a command, from which its command line is parsed and its help is written.

Each is a module of ``daprdockr.cli.commands`` with a ``COMMAND`` in it, loaded on demand: loading all of them would
cost more than most of them take.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from attrs import frozen

from daprdockr.cli.console import Console
from daprdockr.cli.request import Request

if TYPE_CHECKING:
    from daprdockr.model.seams import Store

ACTIONS = {"get": "get", "set": "set", "stdin": "set", "del": "del", "ip": "ip"}
"""Commands that are flags, as the first users type them, and their modules."""
WORDS = (
    *("status", "services", "ps", "nodes", "events", "why", "wait"),
    *("apply", "plan", "diff", "import", "delete"),
    *("scale", "restart", "history", "rollback"),
    *("pause", "resume"),
    *("logs", "exec", "forward", "push"),
    *("secret", "file", "job", "volume"),
    *("backup", "restore"),
    *("init", "invite", "join", "leave", "recover"),
    *("drain", "cordon", "uncordon", "trust-etcd", "certificates", "completion", "names", "version"),
)
"""Commands that are words; their modules have the same names, but for the dash."""


@frozen
class Command:
    """
    :ivar usage: the forms in which it is typed, each with one line about its effect; an action has its dash.
    :ivar run: carries a request out.
    :ivar local: answers a request from the agent of this machine; returns whether it did.
    :ivar offline: the same for a command that needs no etcd.
    :ivar flags: names of the flags that have a use with it, beside those of etcd.
    :ivar word: what it takes beside flags: "[SERVICE]" (may be left out), "SERVICE", "INSTANCE|SERVICE",
        "SERVICE [REVISION]", "SERVICE [FILE]", "SERVICE=N ...", "NODE" or "SHELL"; "" for nothing; "ACTION ..." for one
        of ``choices`` and words that the command reads itself, as it does with "FILE ...", "INSTANCE -- CMD ...",
        "IMAGE", "KIND ...", "SERVICE|GROUP ...", "LOCAL:INSTANCE:PORT", "TOKEN" and "[INSTANCE|SERVICE|NODE|IMAGE]".
    :ivar choices: the possible values of that word, where there are only a few.
    :ivar kinds: by one of ``choices``, the kind of the name that stands behind it, and the kind of that behind this
        name; the kinds are those of ``names``.
    :ivar reference: the description of each form in the reference page, where the line of the help is too short for it.
    :ivar only_json: whether what it prints is JSON anyway.
    :ivar only_waiting: names of the flags that have a use only beside -wait.
    :ivar check: raises BadInput when a request lacks a flag, or has one without a use.
    """

    name: str
    usage: tuple[tuple[str, str], ...]
    run: Callable[[Request, Store, Console], None] | None = None
    offline: Callable[[Request, Console], None] | None = None
    local: Callable[[Request, Console], bool] | None = None
    flags: tuple[str, ...] = ()
    word: str = ""
    choices: tuple[str, ...] = ()
    kinds: Mapping[str, tuple[str, ...]] = {}
    reference: tuple[str, ...] = ()
    only_json: bool = False
    only_waiting: tuple[str, ...] = ()
    check: Callable[[Request], None] = lambda request: None

    @property
    def spelled(self) -> str:
        """Its name as it is typed."""
        return self.name if self.name in WORDS else f"-{self.name}"


def spoken(form: str) -> list[str]:
    """Return the words and flags in a form of a command."""
    return re.findall(r"[\w-]+", form)


def load(name: str) -> Command:
    """Return the declaration of a command by its name, one of ``ACTIONS`` or ``WORDS``."""
    command = import_module(f"daprdockr.cli.commands.{ACTIONS.get(name, name.replace('-', '_'))}").COMMAND
    assert isinstance(command, Command)
    return command
