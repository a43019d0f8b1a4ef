# -*- test-case-name: tests.unit.compose.test_forms -*-
"""
Host names that a proxy beside Compose or Swarm finds in labels or variables of a service: Traefik, Caddy, nginx-proxy.

Nothing reads them here. So they are named, with the ``Http`` to write in their place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from daprdockr.compose import units
from daprdockr.compose.service import ComposeService

_RULE = re.compile(r"Host\(\s*[`'\"]([\w.-]+)")
"""A host name in a rule of Traefik."""
_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)+")
_CADDY = re.compile(r"caddy(?:_\d+)?")
"""The label that has the address of a site of Caddy."""
_UPSTREAMS = re.compile(r"upstreams\s+(?:(https?|h2c)\s+)?(\d+)?")
_NO_PROXY = "no proxy reads"


def sites(service: ComposeService) -> None:
    """Name labels and variables that give a service a host name or a port, unless it has such of its own here."""
    own = {name.lower() for name in service.own}
    of_swarm = service.read("deploy.labels", units.pairs) or {}
    for key, given in (("labels", service.container.get("Labels", {})), ("deploy.labels", of_swarm)):
        labels = {name: value or "" for name, value in given.items()}
        if "http" not in own:
            _traefik(service, key, labels)
            _caddy(service, key, labels)
        for protocol in ("tcp", "udp"):
            if protocol not in own and any(name.startswith(f"traefik.{protocol}.") for name in labels):
                service.find(key, f"{_NO_PROXY} labels: publish the port of {protocol.upper()} by ports", weighty=False)
    if "http" not in own:
        _variables(service)


def _traefik(service: ComposeService, key: str, labels: Mapping[str, str]) -> None:
    given = {name: value for name, value in labels.items() if name.startswith("traefik.http")}
    if not given:
        return
    hosts = (_RULE.search(value) for name, value in given.items() if name.endswith(".rule"))
    host = next((found[1] for found in hosts if found), "")
    port = next((value for name, value in given.items() if name.endswith(".loadbalancer.server.port")), "")
    is_grpc = any(name.endswith(".loadbalancer.server.scheme") and value == "h2c" for name, value in given.items())
    _find(service, key, "labels", host, port, is_grpc)


def _caddy(service: ComposeService, key: str, labels: Mapping[str, str]) -> None:
    addresses = [value for name, value in labels.items() if _CADDY.fullmatch(name) and value]
    if not addresses:
        return
    host = _NAME.search(" ".join(addresses))
    found = _UPSTREAMS.search(" ".join(labels.values()))
    protocol, port = found.groups(default="") if found else ("", "")
    _find(service, key, "labels", host[0] if host else "", port, protocol == "h2c")


def _variables(service: ComposeService) -> None:
    given = dict(str(line).split("=", 1) for line in service.container.get("Env", ()))
    if not given.get("VIRTUAL_HOST"):
        return
    host = _NAME.search(given["VIRTUAL_HOST"])
    key = "environment" if service.get("environment") else "env_file"
    is_grpc = given.get("VIRTUAL_PROTO", "").startswith("grpc")
    _find(service, key, "VIRTUAL_HOST", host[0] if host else "", given.get("VIRTUAL_PORT", "80"), is_grpc)


def _find(service: ComposeService, key: str, what: str, host: str, port: str, is_grpc: bool) -> None:
    entry = f"HostName: {host or 'example.com'}, ContainerPort: {port or 8080}{', Grpc: true' if is_grpc else ''}"
    text = f"{_NO_PROXY} {what}: for a host name, write x-daprdockr: {{Http: {{{entry}}}}}"
    service.find(key, text, weighty=False)
