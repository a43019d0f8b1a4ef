# -*- test-case-name: tests.unit.cli.test_parse -*-
"""
The words behind a command that are no flags: what they name. ``Command.word`` declares what a command takes; one that
reads its words itself gets them as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import evolve

from daprdockr.arguments.parameter import whole_number
from daprdockr.cli.command import Command
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput
from daprdockr.model.names import MAX_INSTANCES, InstanceName, ServiceName, check_label, shorten

_OWN_WORDS = (
    *("ACTION", "FILE", "IMAGE", "INSTANCE --", "KIND", "LOCAL:", "SERVICE|GROUP", "TOKEN"),
    "[INSTANCE|SERVICE|NODE|IMAGE]",
)
"""How the words of a command begin that reads them itself."""


def with_operands(request: Request, command: Command, words: Sequence[str], svc: str | None) -> Request:
    """
    Return the request with what these words name.

    :param svc: the value of ``-svc``, which names the service beside an action; None: it was not given.
    :raises BadInput: there are too few or too many, or one cannot be read.
    """
    return evolve(
        request,
        service=_service(command, words, svc),
        number=InstanceName.parse(words[0]).number if _names_instance(command, words) else 0,
        revision=_revision(words[1]) if command.word == "SERVICE [REVISION]" and len(words) > 1 else None,
        numbers=_numbers(words) if command.word == "SERVICE=N ..." else {},
        file=words[1] if command.word == "SERVICE [FILE]" and len(words) > 1 else "",
        words=tuple(words) if command.word.startswith(_OWN_WORDS) else (),
        node=_node(command, words) if command.word == "NODE" else "",
        shell=_shell(command, words) if command.word == "SHELL" else "",
    )


def _service(command: Command, words: Sequence[str], svc: str | None) -> ServiceName | None:
    if command.word in ("NODE", "SHELL", "SERVICE=N ...") or command.word.startswith(_OWN_WORDS):
        return None
    most = {"": 0, "SERVICE [REVISION]": 2, "SERVICE [FILE]": 2}.get(command.word, 1)
    if len(words) > most:
        raise BadInput(f"{shorten(words[most])} has no use with {command.spelled}: {_instead(command, words[most])}")
    if _names_instance(command, words):
        return InstanceName.parse(words[0]).service
    if not words and "SERVICE" in command.word and not command.word.startswith("["):
        raise BadInput(f"{command.name} needs the name of a service, <service>.<group>: daprdockrcmd status lists them")
    name = words[0] if svc is None and words else svc
    return None if name is None else ServiceName.parse(name)


def _names_instance(command: Command, words: Sequence[str]) -> bool:
    return command.word == "INSTANCE|SERVICE" and bool(words) and words[0].count(".") == 2


def _instead(command: Command, word: str) -> str:
    """Return what to type for a file that the command does not take as an argument."""
    form = command.usage[0][0]
    if form.endswith((" < FILE", " > FILE")):
        return f"write {form.removesuffix('FILE')}{word}"
    return f"write -f {word}" if "f" in command.flags else "leave it out"


def _revision(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,17}", text, re.ASCII):
        raise BadInput(f"revision {shorten(text)} is not usable: write a number that daprdockrcmd history shows")
    return int(text)


def _numbers(words: Sequence[str]) -> dict[ServiceName, int]:
    if not words:
        raise BadInput("scale needs a service and its number of instances, as in web.myapp=3")
    found: dict[ServiceName, int] = {}
    for word in words:
        name, equals, number = word.partition("=")
        if not equals:
            raise BadInput(f"{shorten(word)} is not usable: write the number of instances behind it, as in web.myapp=3")
        service = ServiceName.parse(name)
        if service in found:
            raise BadInput(f"{service} is given twice: choose one number of instances")
        try:
            found[service] = whole_number(0, MAX_INSTANCES)(number)
        except BadInput as error:
            raise BadInput(f"{service}: {error}") from None
    return found


def _node(command: Command, words: Sequence[str]) -> str:
    if not words:
        raise BadInput(f"{command.name} needs the name of a node: daprdockrcmd nodes lists them")
    if len(words) > 1:
        raise BadInput(f"{shorten(words[1])} has no use with {command.name}: leave it out")
    return check_label(words[0], "node")


def _shell(command: Command, words: Sequence[str]) -> str:
    known = f"{', '.join(command.choices[:-1])} or {command.choices[-1]}"
    if not words:
        raise BadInput(f"{command.name} needs the name of a shell: {known}")
    if len(words) > 1:
        raise BadInput(f"{shorten(words[1])} has no use with {command.name}: leave it out")
    if words[0] not in command.choices:
        raise BadInput(f"{shorten(words[0])} is not a shell that {command.name} knows: write {known}")
    return words[0]
