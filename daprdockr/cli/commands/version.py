# -*- test-case-name: tests.unit.cli.test_main -*-
"""``version``, and ``-version``: which version this is."""

from __future__ import annotations

import platform

from daprdockr import __version__
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request


def print_version(request: Request, console: Console) -> None:
    if request.json:
        console.print_json({"Version": __version__, "Python": platform.python_version()})
    else:
        console.say(f"daprdockr {__version__}, Python {platform.python_version()}")


COMMAND = Command(
    name="version",
    usage=(("version", "print the version of this program; nodes has those of the agents"),),
    offline=print_version,
    flags=("o",),
    reference=(
        "print the version of this program, as ``-version`` does; ``nodes`` has the versions of the agents, and"
        " ``daprdockrd --version`` that of the one installed here",
    ),
)
