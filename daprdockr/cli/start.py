"""
The console script ``daprdockrcmd``: the streams and the environment of the process in, its exit status out.

This module loads nothing of the program by itself, and little else, so that Ctrl-C in the first quarter of a second,
while the program is loaded, prints no traceback of it.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Callable


def run() -> None:
    gc.disable()  # The process ends before a cycle matters; searching for them while importing is a tenth of its life.
    fill_closed()
    sys.exit(ended(begin))


def fill_closed() -> None:
    """
    Put /dev/null in the place of standard streams that are closed: otherwise the connection to etcd, or to a node,
    would get their descriptors, and ``exec`` would read its input from there, or write errors into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest descriptor that is free, which is this one


def ended(begun: Callable[[], int]) -> int:
    """Return the exit status of the program that ``begun`` is, also where a person or a pipe ends it."""
    try:
        return begun()
    except KeyboardInterrupt:
        return 130  # INTERRUPTED of daprdockr.cli.outcome, which may not be loaded yet
    except BrokenPipeError:
        # The interpreter flushes stdout once more at its exit, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def begin() -> int:
    """Carry out the command line of this process."""
    from daprdockr.arguments.local_reads import STATE, STATE_DIR
    from daprdockr.cli.main import connect_late, main

    stdin = sys.stdin.buffer if sys.stdin else io.BytesIO()
    stderr = sys.stderr or io.StringIO()
    if sys.stdout is None:
        print("daprdockrcmd: stdout is closed: redirect it, to /dev/null at least", file=stderr)
        return 1
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = whole(sys.stdout)
    return main(sys.argv[1:], {STATE: STATE_DIR, **os.environ}, stdin, sys.stdout, stderr, connect_late)


def whole(stdout: io.TextIOWrapper) -> io.TextIOWrapper:
    """
    Return stdout with a buffer, and such that what no encoding has is written by its number. With PYTHONUNBUFFERED it
    has no buffer, and then Python does not notice that a disk that is nearly full took only the beginning of a text.
    """
    if isinstance(stdout.buffer, io.RawIOBase):
        buffer, is_terminal = io.BufferedWriter(stdout.buffer), stdout.isatty()
        return io.TextIOWrapper(buffer, stdout.encoding, "backslashreplace", line_buffering=is_terminal)
    stdout.reconfigure(errors="backslashreplace")
    return stdout
