"""``file``: configuration for containers that is not secret."""

from __future__ import annotations

import base64
import time

from daprdockr.cli.action_words import ActionWords, check_action, say_done
from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.files import Files
from daprdockr.cli.given_value import STDIN, read_given
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import show
from daprdockr.model.names import check_value_name
from daprdockr.model.seams import Store
from daprdockr.model.wanted.files import MOST_BYTES
from daprdockr.picture.files import file_table

_NAME = "the name of a file for containers"
_WORDS = {
    "set": ActionWords(_NAME, 1, 2, "give the content on stdin, or in a file"),
    "get": ActionWords(_NAME, 1, 1),
    "ls": ActionWords(),
    "rm": ActionWords(_NAME, 1, 1, sure=True),
}


def file(request: Request, store: Store, console: Console) -> None:
    """
    :raises BadInput: the content cannot be used.
    :raises NotFound: there is no such file.
    :raises ValueInUse: it cannot be deleted.
    """
    files, (action, *words) = Files(request, store, time.time), request.words
    if action == "set":
        _set(files, words[0], words[1] if len(words) > 1 else STDIN, console)
    elif action == "get":
        _get(files, words[0], console)
    elif action == "rm":
        files.delete(words[0])
        announce(request, store, "deleted", f"file {words[0]}")
        say_done(request, console, f"file {words[0]} is deleted", Name=words[0], Deleted=True)
    else:
        show(request, console, file_table(files.known(), files.users()))


def _set(files: Files, name: str, source: str, console: Console) -> None:
    request, content = files.request, read_given(source, console, MOST_BYTES, file="file", content="content")
    record, changed = files.put(name, content)
    if changed:
        announce(request, files.store, f"set by {record.by}, revision {record.revision}", f"file {name}")
    said = "is set" if changed else "had this content already"
    outcome = {"Name": name, "Revision": record.revision, "Changed": changed}
    say_done(request, console, f"file {name} {said}, revision {record.revision}", **outcome)


def _get(files: Files, name: str, console: Console) -> None:
    content = files.get(name)
    if files.request.json:
        console.print_json({"Name": name, "Content": base64.b64encode(content).decode()})
    else:
        console.write(content)


def _check(request: Request) -> None:
    check_action(request, _WORDS)
    if len(request.words) > 1:
        check_value_name(request.words[1], "file")


COMMAND = Command(
    name="file",
    usage=(
        ("file set NAME [FILE]", "store a file for containers, from FILE or stdin, 64 KiB at most"),
        ("file get NAME", "print what is stored"),
        ("file ls", "files: revision, size, by whom, which services use it"),
        ("file rm NAME", "delete a file; one that services use only with -yes"),
    ),
    run=file,
    flags=("yes", "o"),
    word="ACTION ...",
    choices=tuple(_WORDS),
    kinds=dict.fromkeys(("set", "get", "rm"), ("files",)),
    check=_check,
    reference=(
        "store the content of FILE, or of stdin, byte by byte as it is: at most 64 KiB, readable by everybody with"
        " etcd. It replaces what was set before; the same content once more changes nothing. Services use it by"
        " ``Files``",
        "print the content, byte by byte",
        "files: how often each was set, when and by whom, its size, and the services that use it, also of a file that"
        " is not set",
        "delete a file. If services use it, only with ``-yes``: their containers run on, and no other one can be"
        " created until the file is set again",
    ),
)
