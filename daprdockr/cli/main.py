"""
``daprdockrcmd``: one command line, one answer, one exit status.

Imports are deferred until they are needed: connecting to etcd costs most of the time of a call, and ``-ip`` and
``-help`` do not connect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO, TextIO

from daprdockr.arguments.access import is_usual
from daprdockr.cli.absent import NoSuchService, with_likely
from daprdockr.cli.command import load
from daprdockr.cli.console import Console
from daprdockr.cli.outcome import DONE, FULL, INTERRUPTED, WRONG_USAGE, CommandStatus, status_of
from daprdockr.cli.parse import read_request
from daprdockr.cli.request import Request
from daprdockr.etcd.address import Access
from daprdockr.model.errors import BadInput, DaprdockrError, EtcdUnavailable

if TYPE_CHECKING:
    from daprdockr.model.seams import Store


def main(
    words: Sequence[str],
    environment: Mapping[str, str],
    stdin: BinaryIO,
    stdout: TextIO,
    stderr: TextIO,
    connect: Callable[[Access], Store],
) -> int:
    """
    Carry out the command line ``words`` and return the exit status. An error is one line on ``stderr``.

    :raises BrokenPipeError: nobody reads ``stdout`` any more.
    """
    console = Console(stdin, stdout, stderr)
    try:
        request = read_request(words, environment)
    except BadInput as error:
        console.complain(str(error))
        return WRONG_USAGE
    try:
        _carry_out(request, console, connect)
        stdout.flush()
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return INTERRUPTED
    except CommandStatus as ended:
        return ended.status
    except Exception as error:
        return _fail(error, request, console)
    return DONE


def _carry_out(request: Request, console: Console, connect: Callable[[Access], Store]) -> None:
    if request.command == "help":
        from daprdockr.cli import manual

        columns = console.columns()
        shown = manual.of_command(*request.words, columns=columns) if request.words else manual.text(columns)
        console.stdout.write(shown)
        return
    command = load(request.command)
    if command.offline is not None:
        command.offline(request, console)
    if command.run is None or request.access is None:
        return
    if command.local is not None and command.local(request, console):
        return
    store = connect(request.access)
    try:
        command.run(request, store, console)
    except NoSuchService as error:
        raise with_likely(error, request, store) from None
    finally:
        store.close()


def _fail(error: Exception, request: Request, console: Console) -> int:
    if request.verbose:
        import traceback

        traceback.print_exception(error, file=console.stderr)
    if isinstance(error, EtcdUnavailable) and not error.sent and is_usual(request.access):
        console.complain(f"{error}, or name another etcd by -etcd or ETCD_HOSTS")
    elif isinstance(error, DaprdockrError):
        console.complain(str(error))
    elif isinstance(error, OSError) and error.errno in FULL:
        console.complain(f"nothing more can be written: {error.strerror}")
    else:
        console.complain(f"this is a fault of ours, -v shows where: {type(error).__name__}: {error}")
    return status_of(error)


def connect_late(access: Access) -> Store:
    """Connect to etcd, by modules that are loaded only then."""
    from daprdockr.cli.connect import connect

    return connect(access)
