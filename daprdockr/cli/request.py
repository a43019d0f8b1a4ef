# -*- test-case-name: tests.unit.cli.test_parse -*-
"""A command line as one checked value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from daprdockr.etcd.address import Access
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.keys import Keys


@frozen
class Request:
    """
    One request. ``command`` is the name of a command or "help"; ``access`` is None if etcd is not needed; ``changes``
    holds the flags that change a definition, as typed; ``timeout`` is seconds, None where it was not given; ``node``
    and ``shell`` are "" where none is meant, and ``nodes`` are those of ``-node``; ``number`` is that of one instance
    of the service, 0 for all; ``revision`` is one of the service, None for none; ``numbers`` are the instances that
    services are to have; ``words`` are those
    behind a command that reads them itself; ``file`` is the name of one to read, "-" for stdin, and ``files`` are those
    of ``-f``; ``profiles`` are those of Compose files, in which ``group`` takes the place of a project's name, "" for
    none, and ``environment`` has the variables; with ``incomplete`` a key of theirs may be left out that has weight;
    ``prune`` is a group, and ``expected`` the check revision of a plan, "" for none. ``tail`` is a number of lines,
    None for all, ``since`` a time or an age as it is typed, and ``grep`` a text, "" for none. ``snapshot`` is the file
    for one of etcd, None where none is meant, and
    ``token_file`` the one with a token, "" for none; with ``client`` a host joins without a member of etcd.
    ``local`` is the socket of this machine's agent, "" for none, and ``state_dir`` its state directory. ``host`` is the
    environment's HOST_IP, ``user`` the person as the environment has it, "" if it does not.
    """

    command: str
    access: Access | None = None
    keys: Keys = field(factory=Keys)
    service: ServiceName | None = None
    number: int = 0
    revision: int | None = None
    numbers: Mapping[ServiceName, int] = field(factory=dict)
    words: tuple[str, ...] = ()
    node: str = ""
    nodes: tuple[str, ...] = ()
    shell: str = ""
    changes: Mapping[str, str] = field(factory=dict)
    stdin: bool = False
    json: bool = False
    file: str = ""
    files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    group: str = ""
    incomplete: bool = False
    environment: Mapping[str, str] = field(factory=dict)
    prune: str = ""
    expected: str = ""
    follow: bool = False
    tail: int | None = None
    since: str = ""
    grep: str = ""
    interactive: bool = False
    tty: bool = False
    maintenance: bool = False
    wait: bool = False
    yes: bool = False
    timeout: float = 60
    verbose: bool = False
    state_dir: Path = Path("/var/lib/daprdockr")
    host: str = ""
    user: str = ""
    local: str = ""
    snapshot: Path | None = None
    token_file: str = ""
    client: bool = False
