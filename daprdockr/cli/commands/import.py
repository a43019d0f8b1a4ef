# ruff: noqa: N999 (the module is called as the command is)
"""``import``: the definitions that a Compose file stands for, and each key that they do not have."""

from __future__ import annotations

from daprdockr.cli.command import Command
from daprdockr.cli.compose_files import import_files
from daprdockr.cli.console import Console
from daprdockr.cli.definition_yaml import written
from daprdockr.cli.outcome import FAILED, CommandStatus
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput


def import_compose(request: Request, console: Console) -> None:
    """
    :raises BadInput: a file cannot be used.
    :raises CommandStatus: something was left out.
    """
    found = import_files(request.words, console.stdin, request.environment, request.profiles, request.group)
    if request.json:
        console.print_json([one.write() for one in found.definitions])
    else:
        console.write(written(found.definitions).encode())
    for one in found.findings:
        console.complain(str(one))
    if found.findings:
        raise CommandStatus(FAILED)


def _check(request: Request) -> None:
    if not request.words:
        raise BadInput("import needs a file: daprdockrcmd import compose.yaml")


COMMAND = Command(
    name="import",
    usage=(("import FILE ...", "print the definitions that a Compose file stands for"),),
    offline=import_compose,
    flags=("profile", "group", "o"),
    word="FILE ...",
    check=_check,
    reference=(
        "print the definitions that a Compose file stands for, in YAML, and on stderr each key that is not carried"
        " over, with its place, the reason and what to do; exit status 1 if there is any. Several files are merged as"
        " Compose does, ``-`` is stdin. See `Compose files <compose.rst>`__",
    ),
)
