"""The terminal of the person who runs a command: its size, and its use by another program."""

from __future__ import annotations

import os
import signal
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

PASSED_ON = ("INT", "TERM", "HUP", "QUIT", "USR1", "USR2")
"""Signals that are meant for the command, where it has no terminal that makes them."""


@contextmanager
def raw(descriptor: int) -> Iterator[None]:
    """Let all keys through, also those that the terminal would act upon; the terminal is afterwards as it was."""
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor, termios.TCSADRAIN)
        yield
    finally:
        with suppress(termios.error):  # it is gone, as when a connection of ssh ends
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def size_of(descriptor: int) -> tuple[int, int]:
    """Return rows and columns; 0 if it has none."""
    try:
        found = os.get_terminal_size(descriptor)
    except OSError:
        return 0, 0
    return found.lines, found.columns


@contextmanager
def caught(names: tuple[str, ...], take: Callable[[str], object]) -> Iterator[tuple[int, Callable[[], None]]]:
    """
    Catch signals. Yields a descriptor that is readable when there are some, and what then hands them to ``take``, by
    name: not in the moment of the signal, when anything may be half done. HUP stays ignored if it is, as by nohup.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    waiting: list[str] = []

    def note(number: int, frame: FrameType | None) -> None:
        waiting.append(signal.Signals(number).name.removeprefix("SIG"))

    def hand_over() -> None:
        while waiting:
            take(waiting.pop(0))

    heeded = [one for one in names if one != "HUP" or signal.getsignal(signal.SIGHUP) != signal.SIG_IGN]
    former = {name: signal.signal(signal.Signals[f"SIG{name}"], note) for name in heeded}
    fd = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader, hand_over
    finally:
        signal.set_wakeup_fd(fd)
        for name, handler in former.items():
            signal.signal(signal.Signals[f"SIG{name}"], handler)
        os.close(reader)
        os.close(writer)
