"""The names, keys and definitions that most tests speak of."""

from __future__ import annotations

from typing import Any

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.keys import Keys
from daprdockr.model.wanted.definition import Definition

KEYS = Keys()
WEB = ServiceName(group="myapp", service="web")
API = ServiceName(group="myapp", service="api")
HTTP = {"HostName": "example.com", "ContainerPort": "8080"}


def instance(number: int, service: ServiceName = WEB) -> InstanceName:
    return InstanceName(service, number)


def named(service: str, instances: int = 1, image: str = "web:1", **members: Any) -> Definition:
    """A service of the group ``myapp``."""
    container = {"Image": image, **members.pop("Container", {})}
    return Definition.read(
        {"Name": service, "Group": "myapp", "Instances": instances, "Container": container, **members}
    )


def fixing(host: int, protocol: str = "tcp") -> dict[str, Any]:
    """The member of a definition that gives a container's port 80 a fixed host port."""
    return {"PortBindings": {f"80/{protocol}": [{"HostPort": str(host)}]}}


def definition(image: str = "web:1", instances: int = 1, **members: Any) -> Definition:
    """The service ``web.myapp``."""
    return named("web", instances, image, **members)
