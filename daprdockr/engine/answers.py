"""
Conversion of the Docker Engine's JSON to values. Pure: knows the fields of the API, not how they were requested.

Field names are those of ``ContainerList``, ``ContainerInspect`` and ``ImageInspect`` of the Docker Engine API 1.41 and
later. A member that one version leaves out counts as not set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from daprdockr.model.errors import BadInput
from daprdockr.model.host import (
    LABEL_CLUSTER,
    LABEL_DEFINED,
    LABEL_DEFINITION,
    LABEL_HEALTH,
    LABEL_INSTANCE,
    LABEL_NODE,
    LABEL_ON_PARTITION,
    LABEL_REVISION,
    LABEL_RUN,
    ContainerState,
    EngineNetwork,
    Image,
    Inventory,
    Port,
    Status,
    Volume,
    made_as,
)
from daprdockr.model.images import as_listed
from daprdockr.model.last_words import last_lines
from daprdockr.model.names import InstanceName, shorten
from daprdockr.model.wanted.pinned import repository

_EXPOSE = re.compile(r"(?P<first>[0-9]{1,5})(?:-(?P<last>[0-9]{1,5}))?(?:/(?P<protocol>tcp|udp|sctp))?", re.ASCII)
LEFT_TASK = re.compile("task [0-9a-f]{64}: already exists")
"""The Engine has just started and does not know yet that containerd still has the container; or it never will."""

ENDING = re.compile(
    "failed to update store for object type|grpc: the client connection is closing|transport is closing"
    f"|{LEFT_TASK.pattern}"
)
"""
Errors of an Engine that is about to end, when its record of networks or its connection to containerd is closed; and of
one that has just started and does not know yet which containers containerd still has.
"""

_VERDICT = re.compile(r"\(([^)]*)\)")
_DEFAULT_STOP_TIMEOUT = 10


def container_state(answer: Mapping[str, Any]) -> ContainerState:
    """
    Read an answer to ``ContainerInspect``.

    :raises BadInput: if a label that daprdockr writes, or the status, cannot be read.
    """
    labels: Mapping[str, str] = answer["Config"].get("Labels") or {}
    name = answer["Name"].lstrip("/")
    state: Mapping[str, Any] = answer["State"]
    check: Mapping[str, Any] = state.get("Health") or {}
    health = check.get("Status", "")
    return ContainerState(
        id=answer["Id"],
        name=name,
        instance=InstanceName.parse(labels.get(LABEL_INSTANCE, "")),
        definition=labels.get(LABEL_DEFINITION, ""),
        status=_status(state["Status"]),
        cluster=_number(labels, LABEL_CLUSTER, base=16),
        revision=_number(labels, LABEL_REVISION, base=10),
        ports=published_ports(answer),
        exit_code=state.get("ExitCode", 0),
        error=_error(state.get("Error", "")),
        oom_killed=state.get("OOMKilled", False),
        started=epoch_seconds(state.get("StartedAt", "")),
        finished=epoch_seconds(state.get("FinishedAt", "")),
        health="" if health == "none" else health,
        address=_address(answer) if state.get("Running") else "",
        stop_timeout=_stop_timeout(answer),
        on_partition=labels.get(LABEL_ON_PARTITION, "keep"),
        cut_off=_cut_off(answer),
        made_as=made_as(labels, name),
        defined=_number(labels, LABEL_DEFINED, base=10),
        check=labels.get(LABEL_HEALTH, ""),
        run=_number(labels, LABEL_RUN, base=10),
        volumes=tuple(sorted(_volumes(answer.get("Mounts") or ()))),
        complaint=_complaint(check.get("Log") or ()),
    )


def _complaint(log: Sequence[Mapping[str, Any]]) -> str:
    """Return the last line that a HEALTHCHECK wrote when it failed last; "" for none."""
    outputs = [one.get("Output") or "" for one in log if one.get("ExitCode")]
    return "".join(last_lines(outputs[-1].encode(errors="replace"))[-1:]) if outputs else ""


def _volumes(mounts: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the names of the volumes among the mounts whose data the Engine itself keeps."""
    for mount in mounts:
        if mount.get("Type") == "volume" and mount.get("Driver") == "local" and mount.get("Name"):
            yield mount["Name"]


def _error(text: str) -> str:
    """Return why the container could not start, or "" if the reason is an Engine that was about to end."""
    return "" if ENDING.search(text) else text


def node_of(summary: Mapping[str, Any]) -> tuple[str, int]:
    """
    Return the node that a ``ContainerList`` item carries in its labels, and its cluster (0: none that can be read).
    """
    labels: Mapping[str, str] = summary.get("Labels") or {}
    try:
        cluster = _number(labels, LABEL_CLUSTER, base=16)
    except BadInput:
        cluster = 0
    return labels.get(LABEL_NODE, ""), cluster


def fingerprint(summary: Mapping[str, Any]) -> tuple[object, ...]:
    """
    Return the part of a ``ContainerList`` item that differs after any change that ``ContainerInspect`` would show.

    Each start gives new endpoints (on the networks "host" and "none" too), and an exit code or a verdict of the
    HEALTHCHECK stands in brackets in the text meant for people; the age beside it carries no information.
    """
    networks = (summary.get("NetworkSettings") or {}).get("Networks") or {}
    endpoints = sorted(network.get("EndpointID", "") for network in networks.values())
    return (summary["State"], *_VERDICT.findall(summary.get("Status", "")), *endpoints)


def published_ports(answer: Mapping[str, Any]) -> tuple[Port, ...]:
    """
    Return one Port for each container port that is published, known for a stopped container too.

    A binding that leaves the number to the Engine has none until the container runs. The Engine reports a published
    port once for IPv4 and once for IPv6, some versions with different numbers: the one for IPv4 counts.
    """
    bindings: Mapping[str, Any] = answer["HostConfig"].get("PortBindings") or {}
    actual: Mapping[str, Any] = (answer.get("NetworkSettings") or {}).get("Ports") or {}
    ports = []
    for key, wanted in bindings.items():
        number, _, protocol = key.partition("/")
        host = _host_port(wanted or ()) or _host_port(actual.get(key) or ())
        ports.append(Port(container=int(number), protocol=protocol or "tcp", host=host))
    return tuple(sorted(ports))


def _host_port(bindings: Iterable[Mapping[str, str]]) -> int:
    for binding in sorted(bindings, key=lambda binding: ":" in binding.get("HostIp", "")):
        number = binding.get("HostPort", "")
        if number.isdigit() and int(number):
            return int(number)
    return 0


def inventory(
    info: Mapping[str, Any], images: Iterable[Mapping[str, Any]], networks: Iterable[Mapping[str, Any]]
) -> Inventory:
    """
    Combine the answers to ``SystemInfo``, ``ImageList``, in which old Engines write ``<none>`` for no name, and
    ``NetworkList``.
    """
    names = (name for image in images for key in ("RepoTags", "RepoDigests") for name in image.get(key) or ())
    return Inventory(
        memory=int(info.get("MemTotal") or 0),
        cpus=int(info.get("NCPU") or 0),
        images=frozenset(name for name in names if "<none>" not in name),
        networks=tuple(EngineNetwork(one["Name"], one["Id"], frozenset(_families(one))) for one in networks),
    )


def _families(network: Mapping[str, Any]) -> Iterator[int]:
    """
    Yield the families of a network's subnets, which may include one that is switched off. Old Engines lack EnableIPv4.
    """
    subnets = [pool.get("Subnet") or "" for pool in (network.get("IPAM") or {}).get("Config") or ()]
    if network.get("EnableIPv4", True) and any("." in subnet for subnet in subnets):
        yield 4
    if network.get("EnableIPv6", False) and any(":" in subnet for subnet in subnets):
        yield 6


def image(answer: Mapping[str, Any], reference: str = "") -> Image:
    """Read an answer to ``ImageInspect`` of a reference."""
    config: Mapping[str, Any] = answer.get("Config") or {}
    ports = {port for key in config.get("ExposedPorts") or {} for port in _exposed(key)}
    known = (name.rpartition("@") for name in answer.get("RepoDigests") or ())
    digest = next((digest for name, _, digest in known if _repository(name) == _repository(reference)), "")
    return Image(answer["Id"], tuple(sorted(ports)), digest=digest)


def _repository(reference: str) -> str:
    """Return the repository of a reference as an Engine lists it: ``web`` for ``docker.io/library/web:1``."""
    return repository(as_listed(reference))


def built(answer: Mapping[str, Any]) -> float:
    """Read from an answer to ``ImageInspect`` when the image was built; 0 for one that does not say, or lies."""
    try:
        return max(0.0, epoch_seconds(answer.get("Created") or ""))
    except (ValueError, OverflowError):
        return 0.0


def volume(answer: Mapping[str, Any]) -> Volume:
    """Read an answer to ``VolumeInspect``."""
    return Volume(driver=answer.get("Driver") or "local", options=answer.get("Options") or {})


def _exposed(key: str) -> Iterator[Port]:
    """
    Yield the ports that one EXPOSE names, ``8080``, ``8080/TCP`` or ``8000-8010/tcp``. Tools write arbitrary text
    there, and no Engine reads it: any other text names no port.
    """
    found = _EXPOSE.fullmatch(key.strip().lower())
    if found is not None:
        first, last = int(found["first"]), int(found["last"] or found["first"])
        for number in range(max(1, first), min(65535, last) + 1):
            yield Port(container=number, protocol=found["protocol"] or "tcp")


def epoch_seconds(text: str) -> float:
    """Return a time of the Engine (RFC 3339) in seconds since the epoch; its zero, the year 1, and "" give 0.0."""
    if not text or text.startswith("0001-"):
        return 0.0
    return datetime.fromisoformat(text).timestamp()


def _status(text: str) -> Status:
    try:
        return Status(text)
    except ValueError:
        raise BadInput(f"status {shorten(text)} is not known") from None


def _address(answer: Mapping[str, Any]) -> str:
    networks: Mapping[str, Mapping[str, str]] = answer["NetworkSettings"].get("Networks") or {}
    for name in sorted(networks):
        address = networks[name].get("IPAddress") or networks[name].get("GlobalIPv6Address")
        if address:
            return address
    return ""


def _cut_off(answer: Mapping[str, Any]) -> str:
    """
    Return the network of a container that is on none, otherwise "". ``docker network disconnect`` takes it away, which
    must come before a network that is in use can be removed.
    """
    mode = str(answer["HostConfig"].get("NetworkMode") or "default")
    if answer["NetworkSettings"].get("Networks") or mode in ("host", "none") or mode.startswith("container:"):
        return ""
    return "bridge" if mode == "default" else mode


def _stop_timeout(answer: Mapping[str, Any]) -> int:
    timeout = answer["Config"].get("StopTimeout")
    return _DEFAULT_STOP_TIMEOUT if timeout is None else timeout


def _number(labels: Mapping[str, str], name: str, base: int) -> int:
    text = labels.get(name, "0")
    try:
        return int(text, base)
    except ValueError:
        raise BadInput(f"label {name}={shorten(text)} is not usable: it is a number of base {base}") from None
