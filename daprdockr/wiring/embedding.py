# -*- test-case-name: tests.unit.wiring.test_embedding -*-
"""The etcd beside this agent, where there is one: a private one, or the member of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from daprdockr.arguments.address import is_here
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.etcd.embedded import EmbeddedEtcd, private_flags, reached_with
from daprdockr.etcd.member_flags import member_flags
from daprdockr.model.errors import BadInput
from daprdockr.wiring.foundation import Foundation


def embedded_etcd(base: Foundation) -> EmbeddedEtcd | None:
    """:raises BadInput: etcd is not installed, or cannot listen where it should."""
    settings, usable_with = base.settings, frozenset[str]()
    if settings.founded:
        files = ClusterFiles(settings.state_dir)
        part = files.part()
        if part is None or not part.is_member:
            return None
        flags = flags_of_member(files)
    elif settings.embedded_etcd:
        flags, usable_with = private_flags(settings.etcd), reached_with(settings.etcd)
    else:
        return None
    return EmbeddedEtcd(
        flags=flags,
        directory=settings.state_dir / "etcd",
        stop_at_exit=settings.ephemeral,
        reactor=base.outside.reactor,
        environment=base.outside.machine.environment,
        usable_with=usable_with,
    )


def flags_of_member(files: ClusterFiles) -> Callable[[Path], list[str]]:
    """Return what reads the flags anew before each start: a host may lose its member."""

    def flags(data: Path) -> list[str]:
        """:raises BadInput: this host has no member any more, or lacks what that needs."""
        part = files.part()
        if part is None or not part.is_member:
            raise BadInput("this host has no member of etcd any more")
        if not is_here(part.address):
            raise BadInput(
                f"no interface of this host has the address {part.address}, where the others know its member: give it"
                " that address again; or if they have a quorum without it, let this host leave, and join again"
            )
        files.check_data(part)
        return member_flags(part, files, data, alone=files.take_recovery())

    return flags
