"""``exec``: a command in the container of an instance, with this terminal or without one."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack

from attrs import frozen

from daprdockr.cli.claimed_places import place_of
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import author
from daprdockr.cli.duplex import Duplex, Sink
from daprdockr.cli.outcome import CommandStatus
from daprdockr.cli.request import Request
from daprdockr.cli.terminal import PASSED_ON, caught, raw, size_of
from daprdockr.model.errors import BadInput
from daprdockr.model.frames import FrameKind, window
from daprdockr.model.names import InstanceName
from daprdockr.model.seams import Store
from daprdockr.model.session import ExecAsked
from daprdockr.sessions.client import Sessions

_ENDS = ("TERM", "HUP")
"""Signals that end a command with a terminal, which would stay raw if they ended this process where it stands."""


@frozen
class Descriptors:
    """The descriptors that a command's input is read from, and its output goes to."""

    stdin: int = 0
    stdout: int = 1
    stderr: int = 2


def execute(request: Request, store: Store, console: Console) -> None:
    """As ``attend``, with the streams of this process."""
    console.stdout.flush()
    attend(request, store, Descriptors())


def attend(request: Request, store: Store, here: Descriptors) -> None:
    """
    :raises NotFound: the instance is on no node.
    :raises SessionFailed: the node does not answer, has too many commands, or is lost.
    :raises CommandStatus: the command ended with another status than 0.
    """
    instance = InstanceName.parse(request.words[0])
    rows, columns = size_of(here.stdout) if request.tty else (0, 0)
    asked = ExecAsked(
        instance, request.words[1:], terminal=request.tty, input=request.interactive, rows=rows, columns=columns
    )
    node = place_of(request, store, instance)
    session = Sessions(store, request.keys, author(request), time.monotonic).open(node, asked)
    try:
        sinks = {FrameKind.OUTPUT: Sink(here.stdout, lasts=True), FrameKind.ERRORS: Sink(here.stderr)}
        duplex = Duplex(session, here.stdin if request.interactive else None, sinks)
        status = _attended(duplex, request, here)
    finally:
        session.close()
    if status:
        raise CommandStatus(status)


def _attended(duplex: Duplex, request: Request, here: Descriptors) -> int:
    """Run it, with the signals and the size of the terminal passed on, and the terminal restored at the end."""

    def take(name: str) -> None:
        if name in _ENDS and request.tty:
            raise CommandStatus(128 + signal.Signals[f"SIG{name}"])
        if name == "WINCH":
            duplex.send(FrameKind.WINDOW, window(*size_of(here.stdout)))
        else:
            duplex.send(FrameKind.SIGNAL, name.encode())

    with ExitStack() as stack:
        if request.tty and request.interactive and os.isatty(here.stdin):
            stack.enter_context(raw(here.stdin))
        names = ("WINCH", *_ENDS) if request.tty else PASSED_ON
        wake, hand_over = stack.enter_context(caught(names, take))
        return duplex.run(wake, hand_over)


def _check(request: Request) -> None:
    if len(request.words) < 2:
        raise BadInput("exec needs an instance and a command, as in: exec -it 1.web.myapp -- sh")
    InstanceName.parse(request.words[0])
    if request.tty and request.interactive and not os.isatty(Descriptors().stdin):
        raise BadInput("-tty needs a terminal as stdin: leave it out, -i alone passes stdin on")


COMMAND = Command(
    name="exec",
    usage=(("exec [-i] [-t] INSTANCE -- CMD ...", "run a command in an instance; -it for a terminal"),),
    run=execute,
    flags=("interactive", "tty"),
    word="INSTANCE -- CMD ...",
    check=_check,
    reference=(
        "run a command in the container of an instance, on whichever node, and exit with its status. With -i"
        " stdin is passed on, with -t the command has a terminal of the size of this one, and -it is both. Without a"
        " terminal, signals are passed on. An event records who did that. A command whose ``daprdockrcmd`` is gone gets"
        " HUP, and KILL after ten seconds",
    ),
)
