"""The keys of a definition, as the code knows them."""

from __future__ import annotations

from daprdockr.model.errors import BadInput
from daprdockr.model.wanted.definition import Definition

OPTIONAL_PARTS = ("Http", "Health", "Placement", "Update", "Schedule", "Before")
LEAST = {"Name": "web", "Group": "myapp", "Container": {"Image": "x"}}


def known_keys(part: str) -> set[str]:
    """The keys of a part of a definition, as its reader lists them for a key it does not know; "" is the whole."""
    unknown = {"0": 0}
    try:
        Definition.read({**LEAST, **({part: unknown} if part else unknown)})
    except BadInput as error:
        return {f"{part}.{key}".lstrip(".") for key in str(error).partition("known are ")[2].split(", ")}
    raise AssertionError(f"{part} takes any key")
