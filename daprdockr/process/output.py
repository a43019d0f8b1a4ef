"""Where a child's output goes: bounded lines to a callback, or a bounded file that outlives the agent."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from attrs import define, frozen

from daprdockr.process.atomic import replace_file
from daprdockr.process.kept import private_directory, set_aside

MAX_LINE = 4096
"""The most bytes of one line; the rest of a longer line follows as lines of its own."""

MAX_FILE = 4 * 1024 * 1024
"""The size in bytes of an output file above which its end is moved to ``<name>.1``, replacing an older one."""

_MOST_READ = 64 * 1024
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_TRIM = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@define
class LineSplitter:
    """Cuts a stream of bytes into lines of text of at most ``MAX_LINE`` bytes."""

    emit: Callable[[str], None]
    _rest: bytes = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._emit(line)
        while len(self._rest) > MAX_LINE:
            self.emit(_text(self._rest[:MAX_LINE]))
            self._rest = self._rest[MAX_LINE:]

    def end(self) -> None:
        """Pass on the last line, which has no line end, because the stream ended."""
        if self._rest:
            self._emit(self._rest)
        self._rest = b""

    def _emit(self, line: bytes) -> None:
        for start in range(0, len(line) or 1, MAX_LINE):
            self.emit(_text(line[start : start + MAX_LINE]))


def _text(line: bytes) -> str:
    """
    Return the line as text without control characters: a child may write text from its own clients, and none may reach
    a log.
    """
    text = line.decode("utf-8", "replace")
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


@frozen
class OutputFile:
    """
    A file that children append to.

    It is opened with O_APPEND, so a child that is writing goes on at the new end after ``trim``.
    """

    path: Path

    def open(self) -> int:
        """Return a file descriptor to append to, after trimming the file. :raises OSError: it cannot be opened."""
        private_directory(self.path.parent)
        if self.path.is_dir():
            set_aside(self.path, "it is a directory")
        self.trim()
        return os.open(self.path, _APPEND, 0o600)

    def trim(self) -> None:
        """
        Keep the file bounded, even while a child writes to it; a no-op while it is small or absent.

        :raises OSError: its end could not be kept, and is lost if the disk is full.
        """
        try:
            descriptor = os.open(self.path, _TRIM)
        except FileNotFoundError:
            return
        try:
            size = os.fstat(descriptor).st_size
            if size > MAX_FILE:
                self._move(descriptor, size)
        finally:
            os.close(descriptor)

    def size(self) -> int:
        """Return how many bytes were written until now; 0 where there is no file."""
        return self.path.stat().st_size if self.path.exists() else 0

    def since(self, size: int) -> str:
        """Return the output after the first ``size`` bytes, the last 64 KiB at most; nothing if it cannot be read."""
        with suppress(OSError), self.path.open("rb") as file:
            written = self.size()
            if size > written:  # trimmed in between
                size = 0
            file.seek(max(size, written - _MOST_READ))
            return file.read(_MOST_READ).decode("utf-8", "replace")
        return ""

    def _move(self, descriptor: int, size: int) -> None:
        end = os.pread(descriptor, MAX_FILE, size - MAX_FILE)
        os.ftruncate(descriptor, 0)  # first, because a full disk has room for the copy only then
        replace_file(self.path.with_name(self.path.name + ".1"), end, synced=False)


def standard_streams(
    opened: ExitStack, path: Path | None, on_line: Callable[[str], None] | None, lost: Callable[[OSError], None]
) -> tuple[dict[int, int | str], LineSplitter | None]:
    """
    Return the file descriptors 0, 1 and 2 of a new child, as ``spawnProcess`` takes them, and the reader of its pipes.

    :param opened: closes our descriptors after the start.
    :param path: the file to append the output to; None: each line goes to ``on_line``, and without that nowhere.
    :param lost: called if the file cannot be opened: a process without output is better than none.
    """
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    opened.callback(os.close, null)
    if path is None and on_line is not None:
        return {0: null, 1: "r", 2: "r"}, LineSplitter(on_line)
    output = null
    if path is not None:
        try:
            output = OutputFile(path).open()
            opened.callback(os.close, output)
        except OSError as error:
            lost(error)
    return {0: null, 1: output, 2: output}, None
