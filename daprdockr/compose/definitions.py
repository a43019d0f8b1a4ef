# -*- test-case-name: tests.unit.compose.test_samples -*-
"""From a project to definitions, and to the keys that are not carried over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from attrs import frozen

from daprdockr.compose import units
from daprdockr.compose.checking import checking
from daprdockr.compose.deploying import deploying
from daprdockr.compose.devices import devices
from daprdockr.compose.fields import fields
from daprdockr.compose.loading import Project
from daprdockr.compose.merging import as_table, named
from daprdockr.compose.mounting import mounting
from daprdockr.compose.publishing import PortOwner, publishing
from daprdockr.compose.reaching import reaching
from daprdockr.compose.service import OWN, ComposeService, label
from daprdockr.compose.sites import sites
from daprdockr.compose.storing import storing
from daprdockr.compose.tree import Finding, LinePlace, PlacedMap, wrong
from daprdockr.compose.variables import ReadFile
from daprdockr.compose.walking import walk
from daprdockr.model.errors import BadInput
from daprdockr.model.names import ServiceName, check_label
from daprdockr.model.wanted.definition import Definition

_NOT_OF_A_JOB = ("Instances", "Tcp", "Udp", "Health", "Update", "After")
_STEPS: tuple[Callable[[ComposeService], None], ...] = (
    fields,
    sites,
    devices,
    deploying,
    checking,
    storing,
    mounting,
)


@frozen
class Imported:
    """
    :ivar findings: the keys that are not carried over, in the order of the file.
    """

    definitions: Sequence[Definition]
    findings: Sequence[Finding]

    @property
    def weighty(self) -> Sequence[Finding]:
        return [one for one in self.findings if one.weighty]


def definitions(project: Project, files: ReadFile) -> Imported:
    """:raises BadInput: one line with file, line and key."""
    findings = [*project.findings, *walk(project.tree, "", "", LinePlace("", 0))]
    group = _group(project)
    if not project.services:
        raise BadInput(f"{project.name}: there is no service: name one below services, or give its profile by -profile")
    services = [_service(name, project, files, findings, group) for name in project.services]
    _publish(services)
    _check_names(services)
    reaching(services)
    _networks(project, services, findings)
    found = [_definition(service) for service in services]
    _check_circles(found, services)
    return Imported(found, sorted(dict.fromkeys(findings), key=lambda one: (one.place.file, one.place.line)))


def _group(project: Project) -> str:
    try:
        return check_label(label(project.name), "group")
    except BadInput as error:
        raise wrong(project.tree.at("name"), "name", str(error)) from None


def _service(name: str, project: Project, files: ReadFile, findings: list[Finding], group: str) -> ComposeService:
    place = project.tree["services"].at(name) if isinstance(project.tree["services"], PlacedMap) else LinePlace("", 0)
    service = ComposeService(name, place, project.services[name], project, files, findings)
    service.definition |= {"Name": service.label, "Group": group}
    for step in _STEPS:
        step(service)
    _image(service)
    _network_mode(service)
    return service


def _network_mode(service: ComposeService) -> None:
    mode = service.read("network_mode", units.text)
    if mode in (None, "bridge", "default"):
        return
    if ":" in mode:
        text = "containers of two services may run on different nodes: let one service have both programs"
    elif mode == "none":
        text = "each container has a network: keep it from the others and the outside by the host's firewall"
    else:
        text = "ports are published, so containers run on a bridge: publish or expose ports"
    service.find("network_mode", text)


def _publish(services: Sequence[ComposeService]) -> None:
    """Publish the ports of all services. One whose routes are replaced below ``x-daprdockr`` has none of these."""
    owners: dict[tuple[str, int], PortOwner] = {}
    for service in services:
        replaced = {"tcp", "udp"} & {key.lower() for key in service.own}
        publishing(service, _http_ports(service), {} if replaced else owners)


def _image(service: ComposeService) -> None:
    if service.get("build") is not None:
        named = "Image" in service.container
        service.container.setdefault("Image", f"{service.project.name}-{service.name}".lower())
        text = f"build {service.container['Image']} and push it to where the nodes pull it from"
        service.find("build", text if named else f"{text}: give it a name by image", weighty=not named)
    if "Image" not in service.container:
        raise wrong(service.place, service.path(), "it has neither image nor build: name an image")


def _http_ports(service: ComposeService) -> frozenset[int]:
    """Return the ports of the container that have a host name."""
    given = next((one for key, one in service.own.items() if key.lower() == "http"), ())
    entries = given if isinstance(given, list) else [given] if isinstance(given, PlacedMap) else []
    ports = (str(one.get("ContainerPort", "")) for one in entries if isinstance(one, PlacedMap))
    return frozenset(int(port) for port in ports if port.isascii() and port.isdigit() and len(port) < 6)


def _definition(service: ComposeService) -> Definition:
    members = {**service.definition, "Container": service.container}
    own = service.own
    members = _replaced(members, {key: one for key, one in own.items() if key.lower() != "container"})
    inside = next((one for key, one in own.items() if key.lower() == "container"), None)
    if inside is not None:
        members["Container"] = _replaced(members["Container"], service.taken(f"{OWN}.Container", inside, as_table))
    if any(key.lower() == "schedule" for key in members):
        members = {key: one for key, one in members.items() if key not in _NOT_OF_A_JOB}
    try:
        return Definition.read(_plain(members))
    except BadInput as error:
        raise wrong(service.place, service.path(), str(error)) from None


def _replaced(members: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    names = {key.lower() for key in over}
    return {**{key: one for key, one in members.items() if key.lower() not in names}, **over}


def _plain(value: object) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _check_names(services: Sequence[ComposeService]) -> None:
    seen: dict[str, str] = {}
    for service in services:
        try:
            check_label(service.label, "service")
        except BadInput as error:
            raise wrong(service.place, service.path(), str(error)) from None
        other = seen.setdefault(service.label, service.name)
        if other != service.name:
            raise wrong(service.place, service.path(), f"{other} would be called {service.label} too: rename one")


def _check_circles(found: Sequence[Definition], services: Sequence[ComposeService]) -> None:
    graph: dict[ServiceName, Sequence[ServiceName]] = {one.name: one.after for one in found}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        names = " -> ".join(str(one) for one in error.args[1])
        raise wrong(services[0].place, "services", f"they wait for each other: {names}: leave one out") from None


def _networks(project: Project, services: Sequence[ComposeService], findings: list[Finding]) -> None:
    """Name networks that keep services from each other."""
    used = [frozenset(_used(one)) for one in services]
    if any(not one & other for one in used for other in used):
        text = "there is one network for all services: those that shall not reach each other need a firewall"
        findings.append(Finding(project.tree.at("networks"), "networks", text, weighty=False))


def _used(service: ComposeService) -> Sequence[str]:
    return list(service.read("networks", named) or ["default"])
