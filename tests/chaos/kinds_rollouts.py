"""Faults in the midst of a rollout, and rollouts that cannot end well: how each kind begins, and how it is healed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from tests.chaos.faults import Act, Fault, Kind, Scope
from tests.chaos.scene import Scene, SuiteFailed
from tests.chaos.services import redefined
from tests.rig.cluster.host import AGENT, ETCD, Host

PATIENCE = 30.0
"""Seconds until a node takes the first slot of a rollout: an image is there, and so is etcd."""

PAUSE = 0.05

IN_THE_MIDST = 2.5
"""Seconds after a slot was seen within which the harm is done: about as long as one instance takes."""

CHECKED = ("checked.chaos", "web.chaos")
"""Services whose instances are asked whether they work; in the others nobody notices one that does not."""

AWAY = "127.0.0.1:9/away:1"
"""An image of a registry on each host itself, where nothing takes the connection."""

BAD: tuple[dict[str, Any], ...] = (
    {"Cmd": ["sh", "-c", "echo this version is broken; exit 3"]},
    {"Cmd": ["sleep", "3600"]},
)
"""Containers that end at once, and such that never answer."""


DEADLINE = 5
"""Seconds that they have to become healthy, so that a revert, too, comes while the fault lasts."""


def roll(scene: Scene, fault: Fault) -> str:
    """Begin a rollout of some service, and wait until it is in its midst; the service."""
    draw = fault.draw()
    service = draw.choice(sorted(scene.at_first))
    scene.set(service, redefined(scene.wanted.now()[service], str(fault.chance)))
    deadline = time.monotonic() + PATIENCE
    while not holders(scene, service):
        if time.monotonic() > deadline:
            raise SuiteFailed(f"no slot of the rollout of {service} was taken within {PATIENCE:g} s")
        time.sleep(PAUSE)
    scene.pause(draw.uniform(0.0, IN_THE_MIDST))
    return service


def holders(scene: Scene, service: str) -> list[Host]:
    """The hosts that hold slots of a service. :raises OSError: if no member of etcd answers."""
    name, _, group = service.partition(".")
    slots = scene.cluster.stored(f"rollouts/{group}/{name}/slots/")
    nodes = {json.loads(value)["Node"] for value in slots.values()}
    return [host for host in scene.cluster.hosts if host.name in nodes]


def holder(what: str, act: Callable[[Scene, Host], None], part: str = "") -> Act:
    """The holder of a slot is harmed; the next one if there is none just then."""

    def begin(scene: Scene, fault: Fault) -> None:
        service = roll(scene, fault)
        deadline = time.monotonic() + PATIENCE
        while not (found := holders(scene, service)) and time.monotonic() < deadline:
            time.sleep(PAUSE)
        if found:
            scene.harm(found[0], what, part=part)
            act(scene, found[0])

    return begin


def harmed(act: Callable[[Scene, Host], None]) -> Act:
    """The harm is undone at whichever host was harmed."""

    def heal(scene: Scene, fault: Fault) -> None:
        for host in scene.cluster.hosts:
            if host.name in scene.harmed:
                scene.healed(host)
                act(scene, host)

    return heal


def freeze_leader(scene: Scene, fault: Fault) -> None:
    roll(scene, fault)
    leader = scene.cluster.etcd.leader()
    scene.harm(leader, "etcd frozen", part=ETCD)
    leader.freeze(ETCD)


def bad(*containers: dict[str, Any]) -> Act:
    """A definition is stored whose containers never work."""

    def begin(scene: Scene, fault: Fault) -> None:
        draw = fault.draw()
        service = draw.choice(CHECKED)
        definition = redefined(scene.wanted.now()[service], str(fault.chance))
        container = definition["Container"] | draw.choice(containers)
        update = {**definition.get("Update", {}), "Deadline": DEADLINE}
        scene.set(service, {**definition, "Container": container, "Update": update}, bad=True)

    return begin


def set_anew(scene: Scene, fault: Fault) -> None:
    service = fault.draw().choice(CHECKED)
    scene.set(service, scene.at_first[service])


KINDS = (
    Kind(
        "slot's holder killed",
        Scope.ALL,
        holder("agent killed", lambda scene, host: host.kill(AGENT), AGENT),
        harmed(Scene.start_agent),
    ),
    Kind(
        "slot's holder frozen",
        Scope.ALL,
        holder("agent frozen", lambda scene, host: host.freeze(AGENT), AGENT),
        harmed(lambda scene, host: host.thaw(AGENT)),
        hold=(3.1, 4.0),
    ),
    Kind(
        "slot's holder cut off",
        Scope.ALL,
        holder("cut off", lambda scene, host: scene.cluster.network.cut_from_all(host.number)),
        harmed(lambda scene, host: scene.cluster.network.heal(host.number)),
        takes_member=True,
    ),
    Kind(
        "etcd leader frozen in a rollout",
        Scope.ALL,
        freeze_leader,
        harmed(lambda scene, host: host.thaw(ETCD)),
        takes_member=True,
    ),
    Kind("bad image", Scope.ALL, bad(*BAD), set_anew),
    Kind("registry away", Scope.ALL, bad({"Image": AWAY}), set_anew),
)
