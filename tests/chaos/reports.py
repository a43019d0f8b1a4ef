"""
The reports on the cluster, of all that reports on it to people and programs, beside what etcd and the Engines have.

Each report is brought into the form of the truth, by rules that take nothing from the package: who runs which instance,
how many instances each service wants, and has running and healthy. That is compared by the law ``agreement``, not here.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from attrs import frozen

from tests.chaos.scene import PATIENCE, Scene
from tests.chaos.services import Wanted
from tests.chaos.settled import claimed, misplaced, unclaimed
from tests.rig.cluster.cluster import COMMAND, Cluster, in_parallel
from tests.rig.cluster.host import Host

WITHIN = 30.0
"""Seconds until all agree: after a fault agents may even out the load, and every mirror is a moment behind etcd."""

PAUSE = 0.3
PATHS = ("api/instances", "api/status", "metrics", "")
_METRIC = re.compile(r'^daprdockr_service_instances_(wanted|running|healthy)\{service="([^"]+)"\} ([0-9.]+)$', re.M)
_OWN = re.compile(r"^daprdockr_instances\{[^}]*\} ([0-9.]+)$", re.M)
_NODE = re.compile(r'<li id="[^"]*" class="node [^"]*">\s*<div class="head">\s*<h3>([^<]+)</h3>')
_PILL = re.compile(r'<li class="pill [^"]*" title="([^":]+): ([^",]*)')

Report = Mapping[str, Any]


def truth(claims: Mapping[str, Mapping[str, Any]], wanted: Wanted) -> dict[str, Any]:
    """The claims in etcd, once the Engines agree: the nodes of all instances, and the counts of each service."""
    running = Counter(instance.partition(".")[2] for instance in claims)
    healthy = Counter(name.partition(".")[2] for name, claim in claims.items() if claim["Healthy"])
    wants = Counter(instance.partition(".")[2] for instance in wanted.instances())
    return {
        "places": {instance: claim["Node"] for instance, claim in claims.items()},
        "containers": {instance: claim["ContainerId"] for instance, claim in claims.items()},
        "counts": {name: [wants[name], running[name], healthy[name]] for name in sorted(wants)},
    }


def of_instances(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """From the rows of ``ps -o json``; one that is not healthy is no such instance."""
    told = [row for row in rows if row["Healthy"] and row["State"] == "running"]
    return {
        "places": {row["Instance"]: row["Node"] for row in told},
        "containers": {row["Instance"]: row["ContainerId"] for row in told},
    }


def of_status(document: Mapping[str, Any]) -> dict[str, Any]:
    """From the document of ``status -o json``."""
    rows = document["Services"]
    return {"counts": {row["Service"]: [row["Wanted"], row["Running"], row["Healthy"]] for row in rows}}


def of_metrics(text: str, node: str) -> dict[str, Any]:
    """From the metrics of an agent: the counts of each service, and how many instances the node itself has."""
    found: dict[str, dict[str, int]] = {}
    for kind, service, value in _METRIC.findall(text):
        found.setdefault(service, {})[kind] = int(float(value))
    own = sum(int(float(value)) for value in _OWN.findall(text))
    counts = {name: [one.get(kind) for kind in ("wanted", "running", "healthy")] for name, one in found.items()}
    return {"counts": counts, "own": {node: own}}


def of_page(text: str) -> dict[str, Any]:
    """From the status page: the instances that it shows in the box of each node."""
    starts = [*_NODE.finditer(text)]
    ends = [*(match.start() for match in starts[1:]), len(text)]
    return {
        "places": {
            instance: match[1]
            for match, end in zip(starts, ends, strict=True)
            for instance, words in _PILL.findall(text, match.end(), end)
            if words == "healthy"
        }
    }


def of_agent(host: Host) -> dict[str, Report]:
    """All reports of one agent, asked on its host."""
    urls = [f"http://127.0.0.1:5080/{path}" for path in PATHS]
    mark = "\n--- next ---\n"
    told = host.machine.run("curl", "-s", "-m", "30", "-w", mark, *urls).split(mark)
    return {
        f"{host.name} /api/instances": of_instances(json.loads(told[0])),
        f"{host.name} /api/status": of_status(json.loads(told[1])),
        f"{host.name} /metrics": of_metrics(told[2], host.name),
        f"{host.name} page": of_page(told[3]),
    }


def of_command_line(cluster: Cluster) -> dict[str, Report]:
    def told(word: str) -> Any:
        command = [COMMAND, "-etcd", cluster.etcd.urls, word, "-o", "json"]
        return json.loads(subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout)

    with ThreadPoolExecutor() as threads:
        rows, document = threads.map(told, ("ps", "status"))
    return {"ps": of_instances(rows), "status": of_status(document)}


@frozen
class Moment:
    """
    The truth and all reports on it. It is ``quiet`` if nothing changed while they were asked, no instance is on its way
    to another node, and the Engines agree with etcd.
    """

    known: Mapping[str, Any]
    reports: Mapping[str, Report]
    quiet: bool

    @property
    def is_good(self) -> bool:
        return self.quiet and not any(disagreeing(self.known, one) for one in self.reports.values())


def moment(scene: Scene) -> Moment:
    """The first moment that is quiet and at which all agree, or the last one before ``WITHIN`` seconds are over."""
    deadline = time.monotonic() + WITHIN
    while not (found := _look(scene)).is_good and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return found


def _look(scene: Scene) -> Moment:
    known = truth(claimed(scene.cluster), scene.wanted)
    reports = {name: one for each in in_parallel(of_agent, scene.cluster.hosts) for name, one in each.items()}
    reports |= of_command_line(scene.cluster)
    claims = claimed(scene.cluster)
    rests = not unclaimed(scene.wanted.instances(), claims) and not misplaced(claims, scene.cluster.running())
    return Moment(known, reports, rests and truth(claims, scene.wanted) == known)


def disagreeing(known: Mapping[str, Any], report: Report) -> list[str]:
    """Return in which of its parts a report differs from the truth."""
    own = Counter(known["places"].values())
    there = {**known, "own": {node: own[node] for node in report.get("own", ())}}
    return [part for part, value in report.items() if value != there[part]]
