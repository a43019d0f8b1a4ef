# -*- test-case-name: tests.unit.cli.commands.test_secret,tests.unit.cli.commands.test_certificates -*-
"""Commands whose first word says what to do, such as ``secret set``: the words behind it, and what they came to."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten


@frozen
class ActionWords:
    """
    :ivar lacking: what the words behind the action name, for people.
    :ivar fewest: how many it needs, and ``most`` how many it takes.
    :ivar instead: what to do in the place of one more.
    :ivar sure: whether ``-yes`` has a use with it.
    """

    lacking: str = ""
    fewest: int = 0
    most: int = 0
    instead: str = "leave it out"
    sure: bool = False


def check_action(request: Request, known: Mapping[str, ActionWords], otherwise: str = "") -> None:
    """
    :param otherwise: what the command does without any word; "" if it needs one.
    :raises BadInput: the words are none of the known actions, or too few or too many for it.
    """
    command, listed = request.command, f"{', '.join([*known][:-1])} or {[*known][-1]}"
    if not request.words:
        if not otherwise:
            raise BadInput(f"{command} needs to know what to do: write {listed}")
        return
    action, *words = request.words
    if action not in known:
        more = f", or nothing for {otherwise}" if otherwise else ""
        raise BadInput(f"{shorten(action)} is not what {command} can do: write {listed}{more}")
    taken = known[action]
    if len(words) < taken.fewest:
        raise BadInput(f"{command} {action} needs {taken.lacking}")
    if len(words) > taken.most:
        raise BadInput(f"{shorten(words[taken.most])} has no use with {command} {action}: {taken.instead}")
    if request.yes and not taken.sure:
        raise BadInput(f"-yes has no use with {command} {action}: leave it out")


def say_done(request: Request, console: Console, line: str, **outcome: object) -> None:
    """Print what was done: the line, or the outcome as JSON."""
    if request.json:
        console.print_json(outcome)
    else:
        console.say(line)
