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
    """One request: what a command is to do, to what, and how to reach the cluster."""

    command: str
    """The name of a command, or "help"."""
    access: Access | None = None
    """How to reach etcd (None: it is not needed)."""
    keys: Keys = field(factory=Keys)
    service: ServiceName | None = None
    number: int = 0
    """That of the one instance of the service that is meant (0: all)."""
    revision: int | None = None
    """One of the service."""
    numbers: Mapping[ServiceName, int] = field(factory=dict)
    """How many instances services are to have."""
    words: tuple[str, ...] = ()
    """Those behind a command that reads them itself."""
    node: str = ""
    """The node behind the command ("": none)."""
    nodes: tuple[str, ...] = ()
    """Those of ``-node``."""
    shell: str = ""
    changes: Mapping[str, str] = field(factory=dict)
    """The flags that change a definition, as typed."""
    stdin: bool = False
    json: bool = False
    file: str = ""
    """The file to read that stands behind a service ("-": stdin)."""
    files: tuple[str, ...] = ()
    """Those of ``-f``."""
    profiles: tuple[str, ...] = ()
    """Those of Compose files."""
    group: str = ""
    """In place of the name of a Compose project ("": that name)."""
    incomplete: bool = False
    """Whether a key of Compose files may be left out that has weight."""
    environment: Mapping[str, str] = field(factory=dict)
    """The variables, for a command that needs them: those of Compose files, or of this machine."""
    prune: str = ""
    """The group in which services are deleted that the files do not have ("": none)."""
    expected: str = ""
    """The check revision of a plan that was shown ("": none)."""
    follow: bool = False
    tail: int | None = None
    """How many lines of each log (None: all)."""
    since: str = ""
    """A time or an age, as typed."""
    grep: str = ""
    """A text that lines must hold ("": any)."""
    interactive: bool = False
    tty: bool = False
    maintenance: bool = False
    wait: bool = False
    yes: bool = False
    timeout: float = 60
    """Seconds."""
    verbose: bool = False
    state_dir: Path = Path("/var/lib/daprdockr")
    """The state directory of this machine's agent."""
    host: str = ""
    """The environment's HOST_IP."""
    user: str = ""
    """The person, as the environment has it ("": it does not)."""
    local: str = ""
    """The socket of this machine's agent ("": none)."""
    snapshot: Path | None = None
    """The file for a snapshot of etcd."""
    token_file: str = ""
    """The file with the token of a cluster ("": none)."""
    client: bool = False
    """Whether a host joins without a member of etcd."""
