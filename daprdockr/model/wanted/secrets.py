# -*- test-case-name: tests.unit.model.wanted.test_secrets -*-
"""The ``Secrets`` part of a definition: which secrets its containers get, each as a file or as a variable."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.members import Members, read_members
from daprdockr.model.names import shorten
from daprdockr.model.wanted.uses import HUP, ROLL, on_change, refuse_twice, stored_name, target

MOST_SECRETS = 32
"""The most secrets that one service uses."""

PLACE = "/run/secrets/"
"""The directory of a secret for which the definition names no place."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}", re.ASCII)


@frozen
class SecretUse:
    """
    One use of a secret: as the file ``target``, or as the variable ``env`` of the environment; the other one is "".

    :ivar stamp: the stamp of the secret as it is now, "" for a secret that is not set. No definition states it: the
        mirror adds it.
    :ivar key: the key that it is sealed to, in the same way.
    """

    name: str
    target: str = ""
    env: str = ""
    on_change: str = ROLL
    stamp: str = ""
    key: str = ""

    @classmethod
    def read(cls, value: object, path: str) -> SecretUse:
        given = read_members(value, path, _MEMBERS, required=("Name",))
        if "target" in given and "env" in given:
            raise BadInput(f"{path} has Target and Env: write two entries to have it in both ways")
        if "env" in given and given.get("on_change") == HUP:
            raise BadInput(f"{path} has Env and OnChange HUP: a variable stays as it was at the start, use a Target")
        return cls(**given) if "env" in given else cls(**{"target": PLACE + given["name"], **given})

    def write(self) -> dict[str, Any]:
        if self.env:
            return {"Name": self.name, "Env": self.env}  # a change of it can only roll
        written = {"Name": self.name} | ({"Target": self.target} if self.target != PLACE + self.name else {})
        return written | ({"OnChange": self.on_change} if self.on_change != ROLL else {})


SecretUses = tuple[SecretUse, ...]


def secret_uses(value: object, path: str) -> SecretUses:
    uses = tuple(reading.list_of(SecretUse.read)(value, path))
    if len(uses) > MOST_SECRETS:
        raise BadInput(f"{path} has {len(uses)} members, write at most {MOST_SECRETS}")
    refuse_twice((use.target or use.env for use in uses), path)
    return uses


def check_variables(uses: Iterable[SecretUse], environment: Iterable[str]) -> None:
    """:raises BadInput: a variable is in ``Container.Env`` as well."""
    plain = {line.partition("=")[0] for line in environment}
    both = next((use.env for use in uses if use.env and use.env in plain), None)
    if both is not None:
        raise BadInput(f"Secrets: variable {both} is in Container.Env as well, write it once")


def stamped(uses: SecretUses, present: Mapping[str, tuple[str, str]]) -> SecretUses:
    """
    Return the uses with the stamps and keys that the secrets have now.

    :param present: stamp and key by name, of those that are set.
    """
    found = ((use, *present.get(use.name, ("", ""))) for use in uses)
    return tuple(evolve(use, stamp=stamp, key=key) for use, stamp, key in found)


def essence(uses: Iterable[SecretUse]) -> list[list[str]]:
    """Return what containers depend on: another digest needs other containers."""
    return [[use.name, use.target, use.env, HUP if use.on_change == HUP else use.stamp] for use in uses]


def _variable(value: object, path: str) -> str:
    if isinstance(value, str) and _VARIABLE.fullmatch(value):
        return value
    raise BadInput(f"{path}: {shorten(value)} is not usable, write the name of a variable, such as TOKEN")


_MEMBERS: Members = {
    "Name": ("name", stored_name("secret")),
    "Target": ("target", target),
    "Env": ("env", _variable),
    "OnChange": ("on_change", on_change),
}
