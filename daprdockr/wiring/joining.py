# -*- test-case-name: tests.unit.wiring.test_joining -*-
"""The part of this host in the cluster that ``daprdockrcmd init`` made: it admits hosts, and follows the members."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from functools import partial

from twisted.logger import Logger

from daprdockr.agent.membership.own_member import OwnMember
from daprdockr.etcd.answering import is_up, listens
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.etcd.embedded import EmbeddedEtcd
from daprdockr.etcd.member_change import MemberChanges
from daprdockr.model.errors import EtcdError
from daprdockr.model.etcd_member import EtcdMember, HostPart
from daprdockr.model.seams import Store
from daprdockr.model.session import JoinAsked
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.node import NodeRecord
from daprdockr.peer.channel import PeerChannel
from daprdockr.peer.joining import HostAdmission, JoinSession
from daprdockr.wiring.foundation import Foundation


def admitting(base: Foundation) -> Callable[[PeerChannel, JoinAsked], JoinSession] | None:
    """Return what makes the session in which a host joins; None where this host admits none."""
    settings, outside = base.settings, base.outside
    if not settings.founded or outside.etcd.members is None:
        return None
    files = ClusterFiles(settings.state_dir)
    admission = HostAdmission(
        files=files,
        cluster_key=settings.cluster_key or files.cluster_key,
        changes=MemberChanges(outside.etcd.members, partial(is_up, settings.etcd), time.monotonic, time.sleep),
        is_silent=partial(is_silent, outside.etcd.store, base.cluster.keys, listens),
        reported=partial(reported, outside.etcd.store, base.cluster.keys),
        now=lambda: datetime.datetime.fromtimestamp(outside.clocks.wall(), datetime.UTC),
    )
    return lambda channel, asked: JoinSession(channel, asked, admission, outside.pools.joining)


def is_silent(store: Store, keys: Keys, answer: Callable[[str], bool], member: EtcdMember) -> bool:
    """
    Return whether a member does not answer, and the agent beside it does not report. Blocking.

    :param answer: whether something listens at a URL.
    """
    if not member.name:
        return False  # it has not begun yet
    try:
        if store.get(keys.node(member.name)) is not None:
            return False
    except EtcdError:
        return False
    return not any(answer(url) for url in member.clients)


def reported(store: Store, keys: Keys, node: str) -> tuple[str, ...]:
    """
    Return the addresses that the agent of a node reports; none if it does not report. Blocking.

    :raises EtcdError: etcd does not answer.
    :raises BadInput: its record cannot be read.
    """
    entry = store.get(keys.node(node))
    return () if entry is None else NodeRecord.decode(entry.value).addresses


def _check_name(part: HostPart | None, node: str) -> None:
    """Say why the commands on this host do not find its agent."""
    if part is not None and part.node != node:
        text = (
            "--node is {node}, and this host joined as {name}, which invite and leave look for here: leave --node out"
        )
        Logger().warn(text, node=node, name=part.node)


def own_member(base: Foundation, embedded: EmbeddedEtcd | None) -> OwnMember | None:
    """Return what follows the members of etcd; None where this host belongs to no cluster of ``init``."""
    settings, outside = base.settings, base.outside
    members, files = outside.etcd.members, ClusterFiles(settings.state_dir)
    if not settings.founded or members is None:
        return None
    _check_name(files.part(), settings.node)
    files.stay()
    return OwnMember(
        reactor=outside.reactor,
        run=outside.pools.etcd.calls,
        members=members,
        files=files,
        move=outside.etcd.connections.move,
        is_up=partial(is_up, settings.etcd),
        retire=embedded.retire if embedded is not None else lambda: None,
    )
