# -*- test-case-name: tests.unit.compose.test_definitions,tests.unit.compose.test_forms -*-
"""How many instances there are, where they run, and how they are replaced: ``deploy``, ``scale`` and ``restart``."""

from __future__ import annotations

import re

from daprdockr.compose import units
from daprdockr.compose.service import ComposeService
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

_CONSTRAINT = re.compile(
    r"(?P<label>node\.hostname|node\.labels\.[\w./-]+)\s*(?P<sign>==|!=)\s*(?P<value>\S+)", re.ASCII
)
_NO_JOB = "a service with ports is started again when it ends: leave it out, or leave the ports out to make it a job"
_ONE_AT_A_TIME = "a job has one container at a time: leave it out, or let the program do all of the work"
_ALWAYS = "a container is started again whatever its exit status is: leave it out"

_MODE = units.one_of("replicated", "global", "replicated-job", "global-job")
_ENDPOINT_MODE = units.one_of("vip", "dnsrr")
_POLICY = units.one_of("no", "always", "on-failure", "unless-stopped")
_CONDITIONS = units.one_of("none", "on-failure", "any", "no", "always", "unless-stopped")


def deploying(service: ComposeService) -> None:
    _instances(service)
    _placement(service)
    _update(service)
    _restart(service)


def make_job(service: ComposeService, key: str) -> None:
    """Let a service run once; ``key`` is the one that says that its container ends."""
    if service.get("ports") or service.get("expose"):
        service.find(key, _NO_JOB)
        return
    service.definition["Schedule"] = {"Once": True}
    if int(service.definition.get("Instances", 1)) > 1:
        key = "scale" if service.get("deploy.replicas") is None else "deploy.replicas"
        service.find(key, _ONE_AT_A_TIME, weighty=False)


def _instances(service: ComposeService) -> None:
    for key in ("scale", "deploy.replicas"):
        number = service.read(key, units.whole)
        if number is not None:
            service.definition["Instances"] = number
    mode = service.read("deploy.mode", _MODE)
    if mode == "global":
        placement(service)["OnePerNode"] = True
        service.find(
            "deploy.mode", "nothing follows the number of nodes: set replicas to it, OnePerNode is set already"
        )
    elif mode in ("replicated-job", "global-job"):
        make_job(service, "deploy.mode")
    if service.read("deploy.endpoint_mode", _ENDPOINT_MODE) == "vip":
        service.find("deploy.endpoint_mode", "there are no virtual addresses: publish a port, which is a route", False)


def placement(service: ComposeService) -> dict[str, object]:
    """Return the ``Placement`` of the definition, for something to be put into it."""
    found = service.definition.setdefault("Placement", {})
    assert isinstance(found, dict)
    return found


def _placement(service: ComposeService) -> None:
    key, found = "deploy.placement.constraints", []
    for number, one in enumerate(service.read(key, units.texts) or []):
        match = _CONSTRAINT.fullmatch(one.strip())
        if match is None:
            text = f"{shorten(one)} is none that nodes can meet: give nodes a label (--label), and name it"
            service.find(f"{key}[{number}]", text)
            continue
        name = "node" if match["label"] == "node.hostname" else match["label"].removeprefix("node.labels.")
        found.append(f"{name} {match['sign']} {match['value']}")
    if found:
        placement(service)["Constraints"] = found
    key = "deploy.placement.max_replicas_per_node"
    most = service.read(key, units.whole)
    if most == 1:
        placement(service)["OnePerNode"] = True
    elif most:
        service.find(key, "a node has one instance at most, or any number: nodes with the fewest come first", False)


def _update(service: ComposeService) -> None:
    found: dict[str, object] = {}
    start = "deploy.update_config."
    number = service.read(f"{start}parallelism", units.whole)
    if number is not None:
        found["Parallelism"] = number or max(1, int(service.definition.get("Instances", 1)))
    times = (service.read(start + key, units.seconds) for key in ("delay", "monitor"))
    longest = max((one for one in times if one is not None), default=None)
    if longest:
        found["MinHealthy"] = units.tidy(longest)
    order = service.read(f"{start}order", units.text)
    if order is not None:
        found["Order"] = order
    action = service.read(f"{start}failure_action", units.text)
    if action in ("rollback", "pause"):
        found["OnFailure"] = "revert" if action == "rollback" else action
    elif action is not None:
        service.find(f"{start}failure_action", "a rollout stops at a failure: write rollback or pause")
    if found:
        service.definition["Update"] = found


def _policy(value: object) -> str | None:
    """Read the word of a policy such as ``on-failure:3``."""
    if value in ("", False):  # ``no`` without quotes is false to some
        return None if value == "" else "no"
    word, colon, most = units.text(value).partition(":")
    if colon and not (word == "on-failure" and most.isdecimal()):
        raise BadInput(f"{shorten(value)} is not usable, write on-failure:3, or a policy without a number")
    return _POLICY(word)


def _restart(service: ComposeService) -> None:
    policy = service.read("restart", _policy)
    if policy == "no":
        make_job(service, "restart")
    elif policy == "on-failure":
        service.find("restart", _ALWAYS, weighty=False)
    condition = service.read("deploy.restart_policy.condition", _CONDITIONS)
    if condition in ("none", "no"):
        make_job(service, "deploy.restart_policy.condition")
    elif condition == "on-failure":
        service.find("deploy.restart_policy.condition", _ALWAYS, weighty=False)
