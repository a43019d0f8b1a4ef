# -*- test-case-name: tests.unit.wiring.test_composition -*-
"""
The outside world of an agent as one value: time, chance, this machine, threads, and the ways to etcd and the Engine.

Every effect of an agent on the world, and every observation of it, goes through this value; the parts are made from it
and the settings. ``real`` makes that of an agent that runs. A test or a benchmark passes its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from daprdockr.agent.guarding.guard_process import GuardProcess
from daprdockr.agent.host.host import Listening
from daprdockr.agent.host.probe import Probe
from daprdockr.agent.mirror.mirror import Following
from daprdockr.engine.events import EventConsumer
from daprdockr.engine.images import EngineImages
from daprdockr.etcd.address import EtcdEndpoint
from daprdockr.etcd.follow import Listener
from daprdockr.model.seams import Engine, EtcdUpkeep, MemberList, Store
from daprdockr.runtime.workers import Workers


@frozen
class Clocks:
    """
    Beside the reactor's: ``wall`` in seconds since the epoch, for people to read; ``boottime`` in seconds, which count
    while the machine is suspended; ``boot`` is the id of this boot.
    """

    wall: Callable[[], float]
    boottime: Callable[[], float]
    boot: str


@frozen
class Chance:
    """``fraction`` gives random numbers in [0, 1), ``secret`` a number that nobody can guess, from 1 to 2**60 - 1."""

    fraction: Callable[[], float]
    secret: Callable[[], int]


@frozen
class Addresses:
    """
    ``now`` returns the addresses of this machine's interfaces, and ``recent`` those of some seconds ago, which is
    cheaper; both raise OSError where the kernel does not say.
    """

    now: Callable[[], frozenset[str]]
    recent: Callable[[], frozenset[str]]


@frozen
class Machine:
    """
    ``identity`` is the machine id, "" where there is none; ``mark`` differs on each running machine.
    ``default_address`` returns that of a node that is given none. ``guard`` runs the guard of this state directory.
    """

    identity: str
    mark: str
    environment: Mapping[str, str]
    addresses: Addresses
    default_address: Callable[[], str]
    resolv_conf: Path
    guard: GuardProcess


@frozen
class EtcdPools:
    """
    For calls to etcd. A beat waits for none of the others. None waits for ``upkeep``, whose calls take
    seconds while a member is silent, and minutes while one is defragmented.
    """

    calls: Workers
    beats: Workers
    upkeep: Workers


@frozen
class EnginePools:
    """
    For calls to the Engine, by what they may wait for, so that none of these keeps the others waiting: ``work`` for the
    Engine itself, ``stops`` for a container that is killed or removed, ``pulls`` for a registry, ``checks`` for a
    command in a container, ``ping`` for an Engine, or its containerd, that hangs.
    """

    work: Workers
    stops: Workers
    pulls: Workers
    checks: Workers
    ping: Workers


@frozen
class Pools:
    """
    ``files`` is for reading the surroundings, ``nginx`` and ``guard`` for writing their files, ``acme`` for ACME
    servers, which may hang, and ``joining`` for hosts that join, which wait for etcd. ``images`` is for images that are
    received or read here, ``handing`` for those that are handed on, and ``fetching`` for those that others are asked
    for; the latter two wait for other nodes.
    """

    etcd: EtcdPools
    engine: EnginePools
    files: Workers
    nginx: Workers
    guard: Workers
    acme: Workers
    joining: Workers
    images: Workers
    handing: Workers
    fetching: Workers

    @property
    def all(self) -> tuple[Workers, ...]:
        """In the order in which they start."""
        etcd, engine = self.etcd, self.engine
        docker = (engine.work, engine.stops, engine.pulls, engine.checks, engine.ping)
        rest = (self.files, self.nginx, self.guard, self.acme, self.joining, self.images, self.handing, self.fetching)
        return (etcd.calls, etcd.beats, etcd.upkeep, *docker, *rest)


@frozen
class Administration:
    """
    The members of etcd themselves: ``members`` changes them, and is None where none is ours; ``upkeep`` keeps their
    databases in order, and is None where nobody here does.
    """

    members: MemberList | None = None
    upkeep: EtcdUpkeep | None = None


@frozen
class Connections:
    """
    All connections with etcd: ``renew`` has them take up new certificates, ``use_password`` another password, ``move``
    other endpoints.
    """

    renew: Callable[[], None] = lambda: None
    use_password: Callable[[str], None] = lambda password: None
    move: Callable[[tuple[EtcdEndpoint, ...]], None] = lambda endpoints: None


@frozen
class Etcd:
    """
    ``store`` and ``beats`` share nothing that one could keep busy for the other. ``follow`` makes the follower that
    reports all changes to a listener; ``refusals`` returns how many writes of both stores etcd has refused.
    """

    store: Store
    beats: Store
    follow: Callable[[Listener], Following]
    refusals: Callable[[], int]
    administration: Administration = Administration()
    connections: Connections = Connections()

    @property
    def members(self) -> MemberList | None:
        """Those of ``administration``."""
        return self.administration.members


@frozen
class Docker:
    """
    ``images`` are those of the Engine as archives; ``listen`` makes the listener that reports the Engine's events to a
    consumer; ``probe`` checks a container once.
    """

    engine: Engine
    images: EngineImages
    listen: Callable[[EventConsumer], Listening]
    probe: Probe


@frozen
class Outside:
    """``docker`` reaches the Engine for a node that had these former names: ``daprdockr.agent.holder``."""

    reactor: Any
    clocks: Clocks
    chance: Chance
    machine: Machine
    pools: Pools
    etcd: Etcd
    docker: Callable[[tuple[str, ...]], Docker]
