"""``daprdockrcmd`` without a process: words in, what it printed and its exit status out."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from daprdockr.cli.main import main
from daprdockr.etcd.address import Access
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.stored.entries import Commit, Condition, Operation, Prefixes
from tests.build.programs import with_etcd
from tests.fakes.store import MemoryStore, MemoryWatch

NOWHERE = {"ETCD_HOSTS": "127.0.0.1:1"}
"""An environment whose etcd nobody runs: what asks etcd itself meets none that happens to run on this machine."""


class LentStore(MemoryStore):
    """
    A store that outlives the command lines it is lent to; ``lent`` counts those that did not give it back. ``lease`` is
    for what must stand under one.
    """

    lent = 0

    def __init__(self) -> None:
        super().__init__()
        self.lease = self.grant(1_000_000).id
        self.calls.clear()

    def close(self) -> None:
        self.lent -= 1


class EventfulStore(LentStore):
    """A store in which one thing of ``coming`` happens each time somebody begins to watch."""

    def __init__(self) -> None:
        super().__init__()
        self.coming: list[Callable[[], object]] = []

    def watch(self, prefixes: Prefixes, revision: int) -> MemoryWatch:
        watch = super().watch(prefixes, revision)
        if self.coming:
            self.coming.pop(0)()
        return watch


class InterruptedStore(EventfulStore):
    """A store in which something happens before a commit; ``loses`` answers to writes that then are carried out."""

    before: Callable[[], None] = staticmethod(lambda: None)
    loses = 0

    def commit(self, conditions: Sequence[Condition], operations: Sequence[Operation]) -> Commit:
        self.before()
        done = super().commit(conditions, operations)
        if self.loses:
            self.loses -= 1
            raise EtcdUnavailable("etcd did not answer")
        return done


def second(happens: Callable[[], object]) -> Callable[[], None]:
    """Return what an ``InterruptedStore`` calls before each commit, where something happens before the second one."""
    commits = itertools.count(1)

    def before() -> None:
        if next(commits) == 2:
            happens()

    return before


@frozen
class Outcome:
    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


def command_line(
    store: MemoryStore, *words: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None
) -> Outcome:
    """Run one command line against the store."""

    def connect(access: Access) -> MemoryStore:
        if isinstance(store, LentStore):
            store.lent += 1
        return store

    written, stderr = io.BytesIO(), io.StringIO()
    stdout = io.TextIOWrapper(written, "utf-8", "surrogateescape", newline="")
    status = main(words, NOWHERE if environment is None else environment, io.BytesIO(stdin), stdout, stderr, connect)
    stdout.flush()
    return Outcome(status, written.getvalue().decode("utf-8", "surrogateescape"), stderr.getvalue())


def host_with_etcd(directory: Path, address: str) -> dict[str, str]:
    """Return the environment of a host at this address with the program etcd, which is made in ``directory``."""
    return {"HOST_IP": address, "PATH": str(with_etcd(directory))}
