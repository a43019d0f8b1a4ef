# -*- test-case-name: tests.unit.planning.keeping.test_handed -*-
"""The part of a container's body that carries secrets: variables, and mounts of files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen


@frozen
class Handed:
    """
    The variables and files that a container is handed. Nothing prints the variables.

    :ivar variables: each as ``NAME=value``.
    :ivar files: each as its path on the host, and in the container.
    """

    variables: tuple[str, ...] = field(default=(), repr=False)
    files: tuple[tuple[str, str], ...] = ()

    def added_to(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body of ``ContainerCreate`` with it."""
        mounts = [
            {"Type": "bind", "Source": source, "Target": target, "ReadOnly": True} for source, target in self.files
        ]
        host = body["HostConfig"]
        host = {**host, "Mounts": [*host.get("Mounts", ()), *mounts]} if mounts else host
        return {**body, "Env": [*body["Env"], *self.variables], "HostConfig": host}


NOTHING = Handed()
