# -*- test-case-name: tests.unit.model.wanted.test_secrets -*-
"""The ``Secrets`` part of a definition: which secrets its containers get, each as a file or as a variable."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.members import Members, read_members
from daprdockr.model.names import check_value_name, shorten

MOST_SECRETS = 32
"""The most secrets that one service uses."""

PLACE = "/run/secrets/"
"""The directory of a secret for which the definition names no place."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}", re.ASCII)
_LONGEST_TARGET = 1024


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
    stamp: str = ""
    key: str = ""

    @classmethod
    def read(cls, value: object, path: str) -> SecretUse:
        given = read_members(value, path, _MEMBERS, required=("Name",))
        if "target" in given and "env" in given:
            raise BadInput(f"{path} has Target and Env: write two entries to have it in both ways")
        return cls(**given) if "env" in given else cls(**{"target": PLACE + given["name"], **given})

    def write(self) -> dict[str, Any]:
        if self.env:
            return {"Name": self.name, "Env": self.env}
        return {"Name": self.name} | ({"Target": self.target} if self.target != PLACE + self.name else {})


SecretUses = tuple[SecretUse, ...]


def secret_uses(value: object, path: str) -> SecretUses:
    uses = tuple(reading.list_of(SecretUse.read)(value, path))
    if len(uses) > MOST_SECRETS:
        raise BadInput(f"{path} has {len(uses)} members, write at most {MOST_SECRETS}")
    places = [use.target or use.env for use in uses]
    twice = next((place for index, place in enumerate(places) if place in places[:index]), None)
    if twice is not None:
        raise BadInput(f"{path}: {shorten(twice)} is given twice, write each file and each variable once")
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
    return [[use.name, use.target, use.env, use.stamp] for use in uses]


def _name(value: object, path: str) -> str:
    try:
        return check_value_name(value, "secret")
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


def _target(value: object, path: str) -> str:
    place = reading.text(value, path)
    plain = place.startswith("/") and not place.startswith("//") and posixpath.normpath(place) == place != "/"
    if not plain or len(place) > _LONGEST_TARGET:
        raise BadInput(f"{path}: {shorten(value)} is not usable, write the whole path of a file, such as /etc/token")
    return place


def _variable(value: object, path: str) -> str:
    if isinstance(value, str) and _VARIABLE.fullmatch(value):
        return value
    raise BadInput(f"{path}: {shorten(value)} is not usable, write the name of a variable, such as TOKEN")


_MEMBERS: Members = {
    "Name": ("name", _name),
    "Target": ("target", _target),
    "Env": ("env", _variable),
}
