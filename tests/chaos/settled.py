"""
Whether the cluster is as it shall be: asked of etcd and of every Engine itself, not of what one agent says of another.

Settled is: each wanted instance, and no other, is claimed, healthy, and runs where its claim says and nowhere else,
made of what is stored, with no rollout under way; etcd is whole, each agent says that all is well, and each nginx
serves, so that the next fault finds nothing broken.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from tests.chaos.load import http_answer
from tests.chaos.scene import Scene
from tests.chaos.services import mark
from tests.rig.cluster.cluster import Cluster, in_parallel
from tests.rig.cluster.host import Host

PAUSE = 0.2
"""Seconds between two looks: each costs several requests."""

BEFORE_GROUP = 3
"""Parts of a key such as ``/daprdockr/instances/chaos/web/1``."""

SHOWN = 4

Place = tuple[str, str]
"""Host and container."""


def until(condition: Callable[[], str], seconds: float) -> tuple[float, str]:
    """How many seconds it took until nothing was lacking, and ""; or all of them, and what still was."""
    begin = time.monotonic()
    deadline = begin + seconds
    while (lack := condition()) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return time.monotonic() - begin, lack


def lacking(scene: Scene) -> str:
    """The first deviation from the wanted state; "" when there is none. The most expensive queries come last."""
    try:
        claims = claimed(scene.cluster)
        if lack := unclaimed(scene.wanted.instances(), claims):
            return lack
        if lack := misplaced(claims, scene.cluster.running()):
            return lack
        if lack := rolling(scene.cluster) or outdated(stored_marks(scene.cluster), running_marks(scene.cluster)):
            return lack
        agents = in_parallel(_agent, scene.cluster.hosts)
        nginxes = in_parallel(partial(_nginx, scene.wanted.served()), scene.cluster.hosts)
        return "; ".join(filter(None, [_etcd(scene.cluster), *agents, *nginxes]))
    except Exception as error:  # docker-py raises what it likes; and etcd or an Engine may well be away
        return f"{type(error).__name__}: {error}"


def claimed(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """
    The claims by instance; that of a successor is called ``next.1.web.chaos``.

    :raises OSError: if no member of etcd answers.
    """
    found = {}
    for key, value in cluster.stored("instances/").items():
        group, service, number, *more = key.split("/")[BEFORE_GROUP:]
        found[".".join([*more, number, service, group])] = json.loads(value)
    return found


def unclaimed(wanted: Iterable[str], claims: Mapping[str, Mapping[str, Any]]) -> str:
    healthy = {instance for instance, claim in claims.items() if claim["Healthy"]}
    return _told("not claimed and healthy", set(wanted) - healthy) or _told("not wanted", claims.keys() - set(wanted))


def misplaced(claims: Mapping[str, Mapping[str, Any]], running: Mapping[str, list[Place]]) -> str:
    """:param running: where containers run, by instance."""
    told = {instance: [(claim["Node"], claim["ContainerId"])] for instance, claim in claims.items()}
    return _told("not running just where it is claimed", _differing(told, running))


def rolling(cluster: Cluster) -> str:
    slots = [key for key in cluster.stored("rollouts/") if "/slots/" in key]
    return _told("slots of rollouts are held", ("/".join(key.split("/")[BEFORE_GROUP:]) for key in slots))


def outdated(wanted: Mapping[str, str], running: Mapping[str, str]) -> str:
    """:param wanted: the marks of stored definitions by service. :param running: those of containers by instance."""
    marks = {instance: wanted.get(instance.partition(".")[2]) for instance in running}
    return _told("made of another definition", _differing(running, marks))


def stored_marks(cluster: Cluster) -> dict[str, str]:
    found = {}
    for key, value in cluster.stored("services/").items():
        group, service = key.split("/")[BEFORE_GROUP:]
        found[f"{service}.{group}"] = mark(json.loads(value)["Container"].get("Env", ()))
    return found


def running_marks(cluster: Cluster) -> dict[str, str]:
    """Of what each container that runs was made, by instance."""
    told = in_parallel(Host.environments, cluster.hosts)
    return {instance: mark(environment) for each in told for instance, environment in each.items()}


def _differing(one: Mapping[str, object], other: Mapping[str, object]) -> Iterator[str]:
    return (name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _told(what: str, names: Iterable[str]) -> str:
    found = sorted(names)
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"{what}: {', '.join(found[:SHOWN])}{more}" if found else ""


def _etcd(cluster: Cluster) -> str:
    return "" if cluster.etcd.is_whole() else "not all members of etcd are in touch with a leader"


def _nginx(services: Iterable[str], host: Host) -> str:
    return _told(f"nginx of {host.name} does not serve", (s for s in services if not _serves(host, s)))


def _serves(host: Host, service: str) -> bool:
    return bool(http_answer(host.address, f"{service}.test")["ok"])


def _agent(host: Host) -> str:
    trouble = host.asked.trouble().strip()
    return f"{host.name}: {trouble}" if trouble else ""
