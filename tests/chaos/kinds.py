"""All kinds of faults: how each begins, and how it is healed."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.chaos import kinds_rollouts
from tests.chaos.faults import Act, Fault, Kind, Scope
from tests.chaos.scene import Scene
from tests.chaos.services import redefined
from tests.rig.cluster.host import AGENT, ENGINE, ETCD, NGINX, Host
from tests.rig.cluster.network import Network

GUARD = "daprdockr.guard"
"""In the command line of the process that keeps ``OnPartition: stop``."""

DELAY, LOSS = (0.02, 0.15), (0.02, 0.15)
"""Of a bad line: seconds each way, and the share of the packets."""

FEWER, MORE = 2, 3
"""Instances by which a service is scaled down or up at most."""

IN_THE_MIDST = 3.0
"""Seconds within which the agent of a node that is drained dies."""


def nothing(scene: Scene, fault: Fault) -> None:
    """No action: the damage has to heal by itself."""


def part(what: str, act: Callable[[Host, str], None], name: str) -> Act:
    """A part of a host is harmed."""

    def begin(scene: Scene, fault: Fault) -> None:
        host = scene.host(fault.host)
        scene.harm(host, what, part=name)
        act(host, name)

    return begin


def line(what: str, act: Callable[[Network, int], None]) -> Act:
    """The line of a host is harmed."""

    def begin(scene: Scene, fault: Fault) -> None:
        scene.harm(scene.host(fault.host), what)
        act(scene.cluster.network, fault.host)

    return begin


def healing(act: Callable[[Scene, Host], None]) -> Act:
    """A fault of a host is undone."""

    def heal(scene: Scene, fault: Fault) -> None:
        host = scene.host(fault.host)
        scene.healed(host)
        act(scene, host)

    return heal


start_agent = healing(Scene.start_agent)
start_engine = healing(lambda scene, host: host.start_engine())
start_member = healing(lambda scene, host: scene.cluster.etcd.start(host))
heal_line = healing(lambda scene, host: scene.cluster.network.heal(host.number))
boot = healing(Scene.boot)


def thaw(name: str) -> Act:
    return healing(lambda scene, host: host.thaw(name))


def cut_off_frozen(scene: Scene, fault: Fault) -> None:
    """Nobody but the guard can stop a container then."""
    freeze_engine(scene, fault)
    cut_from_etcd(scene, fault)


def heal_cut_off_frozen(scene: Scene, fault: Fault) -> None:
    heal_line(scene, fault)
    scene.host(fault.host).thaw(ENGINE)


def kill_guard(scene: Scene, fault: Fault) -> None:
    """There is none on a host that never had a container which needs it."""
    host = scene.host(fault.host)
    scene.harm(host, "guard killed", part=GUARD)
    for pid in host.machine.pids(""):
        with contextlib.suppress(OSError):
            if GUARD.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)


def kill_container(scene: Scene, fault: Fault) -> None:
    running = [(host, each) for host in scene.cluster.hosts for each in sorted(host.running().items())]
    if running:
        host, (_, container) = fault.draw().choice(running)
        scene.harm(host, "container killed", container=container)
        host.kill_container(container)


def spoil_line(scene: Scene, fault: Fault) -> None:
    draw = fault.draw()
    scene.harm(scene.host(fault.host), "bad line")
    scene.cluster.network.slow_down(fault.host, delay=draw.uniform(*DELAY), loss=draw.uniform(*LOSS))


def cut_power(scene: Scene, fault: Fault) -> None:
    host = scene.host(fault.host)
    scene.harm(host, "power cut")
    host.cut_power()


def freeze_leader(scene: Scene, fault: Fault) -> None:
    leader = scene.cluster.etcd.leader()
    scene.harm(leader, "etcd frozen", part=ETCD)
    leader.freeze(ETCD)


def thaw_members(scene: Scene, fault: Fault) -> None:
    for host in scene.cluster.etcd.hosts:
        if host.name in scene.harmed:
            scene.healed(host)
            host.thaw(ETCD)


def kill_etcd(scene: Scene, fault: Fault) -> None:
    for host in scene.cluster.etcd.hosts:
        scene.harm(host, "etcd killed", part=ETCD)
    scene.cluster.etcd.kill_all()


def start_etcd(scene: Scene, fault: Fault) -> None:
    for host in scene.cluster.etcd.hosts:
        scene.healed(host)
        scene.cluster.etcd.start(host)


def cut_all_power(scene: Scene, fault: Fault) -> None:
    for host in scene.cluster.hosts:
        scene.harm(host, "power cut")
    scene.cluster.cut_power()


def boot_all(scene: Scene, fault: Fault) -> None:
    for host in scene.cluster.hosts:
        scene.healed(host)
    scene.cluster.boot()


def drain(scene: Scene, fault: Fault) -> None:
    scene.drain(scene.host(fault.host))


def uncordon(scene: Scene, fault: Fault) -> None:
    scene.uncordon(scene.host(fault.host))


def kill_while_draining(scene: Scene, fault: Fault) -> None:
    drain(scene, fault)
    scene.pause(fault.draw().uniform(0.0, IN_THE_MIDST))
    kill_agent(scene, fault)


def start_and_uncordon(scene: Scene, fault: Fault) -> None:
    start_agent(scene, fault)
    uncordon(scene, fault)


def scale(scene: Scene, fault: Fault) -> None:
    service = picked(scene, fault)
    definition = scene.wanted.now()[service]
    counts = other_counts(definition, len(scene.cluster.hosts))
    scene.set(service, {**definition, "Instances": fault.draw().choice(counts)})


def other_counts(definition: Mapping[str, Any], hosts: int) -> list[int]:
    """To how many instances a service may be scaled: of those that run on a host each, not more than there are."""
    now, placement = definition["Instances"], definition.get("Placement", {})
    most = hosts if placement.get("OnePerNode") else now + MORE
    return [count for count in range(max(1, now - FEWER), most + 1) if count != now]


def scale_back(scene: Scene, fault: Fault) -> None:
    service = picked(scene, fault)
    scene.set(service, {**scene.wanted.now()[service], "Instances": scene.at_first[service]["Instances"]})


def redefine(scene: Scene, fault: Fault) -> None:
    service = picked(scene, fault)
    scene.set(service, redefined(scene.wanted.now()[service], str(fault.chance)))


def delete(scene: Scene, fault: Fault) -> None:
    scene.delete(picked(scene, fault))


def set_anew(scene: Scene, fault: Fault) -> None:
    service = picked(scene, fault)
    scene.set(service, scene.at_first[service])


def picked(scene: Scene, fault: Fault) -> str:
    """The same service whenever the fault asks."""
    return fault.draw().choice(sorted(scene.at_first))


kill_agent = part("agent killed", Host.kill, AGENT)
freeze_engine = part("engine frozen", Host.freeze, ENGINE)
cut_from_etcd = line("cut off from etcd", Network.cut_from_etcd)

HOST, MEMBER, ALL, WISH = Scope.HOST, Scope.MEMBER, Scope.ALL, Scope.WISH
KINDS = (
    Kind("container killed", ALL, kill_container, nothing),
    Kind("agent killed", HOST, kill_agent, start_agent),
    Kind("agent frozen", HOST, part("agent frozen", Host.freeze, AGENT), thaw(AGENT), hold=(3.1, 4.0)),
    Kind("agent stopped", HOST, part("agent stopped", Host.end, AGENT), start_agent),
    Kind("guard killed", HOST, kill_guard, nothing),
    Kind("nginx killed", HOST, part("nginx killed", Host.kill, NGINX), nothing),
    Kind("Engine killed", HOST, part("engine killed", Host.kill, ENGINE), start_engine),
    Kind("Engine frozen", HOST, freeze_engine, thaw(ENGINE)),
    Kind("cut off", HOST, line("cut off", Network.cut_from_all), heal_line, takes_member=True),
    Kind("cut off from etcd", HOST, cut_from_etcd, heal_line),
    Kind("cut off from etcd, Engine frozen", HOST, cut_off_frozen, heal_cut_off_frozen),
    Kind("cut off from other hosts", HOST, line("cut off from hosts", Network.cut_from_hosts), heal_line),
    Kind("bad line", HOST, spoil_line, heal_line, takes_member=True),
    Kind("power cut", HOST, cut_power, boot, takes_member=True),
    Kind("etcd member killed", MEMBER, part("etcd killed", Host.kill, ETCD), start_member, takes_member=True),
    Kind("etcd leader frozen", ALL, freeze_leader, thaw_members, takes_member=True),
    Kind("etcd killed", ALL, kill_etcd, start_etcd, takes_member=True, hold=(3.0, 3.0)),
    Kind("power cut of all", ALL, cut_all_power, boot_all, takes_member=True),
    Kind("drain", HOST, drain, uncordon),
    Kind("agent killed in a drain", HOST, kill_while_draining, start_and_uncordon),
    Kind("scaled", WISH, scale, scale_back),
    Kind("redefined", WISH, redefine, nothing),
    Kind("deleted", WISH, delete, set_anew),
    *kinds_rollouts.KINDS,
)
