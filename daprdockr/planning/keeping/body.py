"""From a definition to the body of the Docker Engine API's ``ContainerCreate``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from daprdockr.model.host import (
    LABEL_CLUSTER,
    LABEL_DEFINED,
    LABEL_DEFINITION,
    LABEL_HEALTH,
    LABEL_INSTANCE,
    LABEL_NAME,
    LABEL_NODE,
    LABEL_ON_PARTITION,
    LABEL_REVISION,
    Image,
    Port,
)
from daprdockr.model.members import encode_members
from daprdockr.model.names import InstanceName
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.engine_fields import CONFIG_FIELDS

_BOUNDS = {"max-size": "10m", "max-file": "3"}
_LOG = {"Type": "json-file", "Config": _BOUNDS}
_LONGEST_HOST_NAME = 63
MOST_NAMES = 9
MOST_EXPOSED = 16
"""The most ports of an image that are published although no definition names them."""

_PIDS = 4096
"""Enough for any server, and a fork bomb leaves the host alive."""


def container_names(instance: InstanceName, definition: Definition, node: str, cluster: int) -> list[str]:
    """
    Return the names a new container may have; the first one that is free on its Engine is used. They differ between two
    generations of one instance, between the agents of one cluster and between clusters, all of which may stand side by
    side there.
    """
    owner = hashlib.blake2s(f"{cluster:x}/{node}".encode(), digest_size=4).hexdigest()
    name = f"{instance}-{definition.digest}-{owner}"
    return [name, *(f"{name}-{number}" for number in range(2, MOST_NAMES + 1))]


def published(definition: Definition, image: Image | None) -> list[tuple[int, str]]:
    """
    Return the container ports to publish, with their protocols: those that the definition names, and of the others that
    the image exposes the first ``MOST_EXPOSED``. Each costs the host a port and a process for each of its addresses.
    One for SCTP has to be named: it keeps the container from starting where the kernel does not have that.
    """
    named = {(port.container, port.protocol) for port in definition.ports}
    return sorted(named.union(_exposed(definition, image)[:MOST_EXPOSED]))


def unpublished(definition: Definition, image: Image) -> int:
    """Return how many ports of the image are not published because there are too many."""
    return len(_exposed(definition, image)[MOST_EXPOSED:])


def _exposed(definition: Definition, image: Image | None) -> list[tuple[int, str]]:
    named = {(port.container, port.protocol) for port in definition.ports}
    return sorted({(p.container, p.protocol) for p in image.exposed if p.protocol != "sctp"} - named) if image else []


def container_labels(
    instance: InstanceName, definition: Definition, name: str, node: str, cluster: int, revisions: tuple[int, int]
) -> dict[str, str]:
    """
    Return the labels that a later agent needs to adopt the container, and to judge whether its service was really
    deleted or changed. See Note [The name is the mark] in ``model.host``.

    :param revisions: those of the claim and of the definition.
    """
    fence, defined = revisions
    return {
        LABEL_NAME: name,
        LABEL_NODE: node,
        LABEL_INSTANCE: str(instance),
        LABEL_DEFINITION: definition.digest,
        LABEL_CLUSTER: f"{cluster:x}",
        LABEL_REVISION: str(fence),
        LABEL_DEFINED: str(defined),
        LABEL_ON_PARTITION: definition.on_partition,
        LABEL_HEALTH: encode_members(definition.check.write()).decode(),
    }


def container_body(
    instance: InstanceName,
    definition: Definition,
    ports: Sequence[Port],
    labels: Mapping[str, str],
    resolvers: Sequence[str],
    addresses: Sequence[str] = (),
) -> dict[str, Any]:
    """
    Return the whole body. A definition that leaves these open gets a bounded log, bounded processes, no swap beyond its
    memory, no new privileges by setuid programs, the instance's name as host name and in ``DAPRDOCKR_INSTANCE``, and
    this node's DNS as resolver if there are ``resolvers``. Ports are published on ``addresses``, without any on all of
    the host's.

    Docker's own restart policy stays off: two supervisors would fight over one container.
    """
    fields = dict(definition.container.fields)
    plain, binds = _split_volumes(fields.pop("Volumes", []))
    host = {key: fields.pop(key) for key in list(fields) if key not in CONFIG_FIELDS}
    config: dict[str, Any] = {
        **fields,
        "Image": definition.image,
        "Env": [*fields.get("Env", []), f"DAPRDOCKR_INSTANCE={instance}"],
        "Labels": {**fields.get("Labels", {}), **labels},
        "ExposedPorts": {f"{port.container}/{port.protocol}": {} for port in ports},
        "Volumes": {path: {} for path in plain},
        "StopTimeout": definition.stop_timeout,
    }
    if len(str(instance)) <= _LONGEST_HOST_NAME and host.get("UTSMode") != "host":
        config["Hostname"] = fields.get("Hostname") or str(instance)
    host = _restrained(host, resolvers)
    return {
        **config,
        "HostConfig": {
            **host,
            "Binds": [*host.get("Binds", []), *binds],
            "PortBindings": _bindings(ports, addresses),
            "RestartPolicy": {"Name": "no"},
        },
    }


def _restrained(given: Mapping[str, Any], resolvers: Sequence[str]) -> dict[str, Any]:
    """
    Return a ``HostConfig`` with our bounds and resolvers where the definition leaves them open: an empty value does so,
    too. A ``PidsLimit`` of 0 does not, because the Engine takes it for no limit.
    """
    host = dict(given)
    if resolvers:
        host["Dns"] = host.get("Dns") or list(resolvers)
    if host.get("Memory"):
        host["MemorySwap"] = host.get("MemorySwap") or host["Memory"]
    host["LogConfig"] = _bounded(host.get("LogConfig", _LOG))
    host.setdefault("PidsLimit", _PIDS)
    if not any(option.startswith("no-new-privileges") for option in host.get("SecurityOpt", [])):
        host["SecurityOpt"] = [*host.get("SecurityOpt", []), "no-new-privileges"]
    return host


def _bindings(ports: Sequence[Port], addresses: Sequence[str]) -> dict[str, list[dict[str, str]]]:
    """Return ``PortBindings`` on each of the addresses; without any on all of the host's."""
    return {
        f"{port.container}/{port.protocol}": [{"HostIp": address, "HostPort": str(port.host)} for address in addresses]
        or [{"HostPort": str(port.host)}]
        for port in ports
    }


def _bounded(log: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a ``LogConfig`` with our bounds where the Engine would write files without any."""
    # Go takes members in any case.
    given = {name: log[key] for name in ("Type", "Config") for key in log if key.casefold() == name.casefold()}
    options = given.get("Config") or {}
    if not given.get("Type") and not options:
        return _LOG
    if given.get("Type") != "json-file" or not isinstance(options, Mapping) or "max-size" in options:
        return log
    return {"Type": "json-file", "Config": {**_BOUNDS, **options}}


def _split_volumes(volumes: Sequence[str]) -> tuple[list[str], list[str]]:
    """
    Return anonymous volumes (a path alone) and binds (``name:/path`` or ``/host:/path``), which the API keeps apart.
    """
    return [v for v in volumes if ":" not in v], [v for v in volumes if ":" in v]
