# -*- test-case-name: tests.unit.cli.commands.test_apply -*-
"""``diff``: the differences between stored definitions and those in files, line by line."""

from __future__ import annotations

import json
from difflib import unified_diff

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.intended import intended, needs_files
from daprdockr.cli.request import Request
from daprdockr.model.seams import Store
from daprdockr.model.wanted.definition import Definition
from daprdockr.picture.intent import ChangeKind, Intent


def diff(request: Request, store: Store, console: Console) -> None:
    """:raises BadInput: a definition cannot be used; all that cannot are reported."""
    intents = [one for one in intended(request, store, console)[0] if one.action is not ChangeKind.NOTHING]
    if request.json:
        console.print_json([{"Service": str(one.name), "Diff": _diff(one)} for one in intents])
        return
    for line in (line for one in intents for line in _diff(one)):
        console.say(line)


def _diff(intent: Intent) -> list[str]:
    """Return the lines of a unified diff of the JSON that ``-get`` prints."""
    before = f"{intent.name} as stored" if intent.before is not None else f"{intent.name} not stored"
    after = f"{intent.name} in {intent.place}" if intent.wanted is not None else f"{intent.name} deleted"
    return list(unified_diff(_text(intent.before), _text(intent.wanted), before, after, lineterm=""))


def _text(definition: Definition | None) -> list[str]:
    return [] if definition is None else json.dumps(definition.write(), indent=2).splitlines()


COMMAND = Command(
    name="diff",
    usage=(("diff -f FILE", "what apply would change, line by line"),),
    run=diff,
    flags=("f", "profile", "incomplete", "prune", "o"),
    check=needs_files,
    reference=(
        "a unified diff between the stored definitions and those in the files, both as ``-get`` prints them; nothing if"
        " they are the same",
    ),
)
