# -*- test-case-name: tests.unit.cli.commands.test_status,tests.unit.picture.test_tables -*-
"""
Doubts about the history of etcd, as agents store and report them, and the decision by which a person ends them.

Note [A decision that is not stale]
    An agent that doubts draws a number, stores it in its state directory and reports it below ``doubts/``. The
    operator's decision, under ``trust``, names the numbers of the doubts that are over, and an agent accepts it for no
    other doubt. So a decision that came back with a snapshot ends nothing: the number was drawn after that history was
    seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from attrs import field, frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.reading import MAX_DOCUMENT, free_text, integer, parse_json
from daprdockr.model.stored.entries import Change, Entry

COMMAND = "daprdockrcmd trust-etcd"
MOST_NUMBERS = 4096
MOST_INSTANCES = 2000
"""The most instances in one node's report: about 100 kB."""

_NUMBER = integer(1, 2**63 - 1)
_REVISION = integer(0, 2**63 - 1)


@frozen
class Doubt:
    """``lasts`` says that the doubt does not end when another etcd takes the place of this one."""

    number: int
    reason: str
    lasts: bool = True

    def encode(self) -> bytes:
        return json.dumps({"Number": self.number, "Reason": self.reason, "Lasts": self.lasts}).encode()

    @classmethod
    def decode(cls, value: bytes) -> Doubt:
        """:raises BadInput: no agent wrote the value."""
        kept = _object(value)
        return cls(
            number=_NUMBER(kept.get("Number"), "Number"),
            reason=free_text(kept.get("Reason", ""), "Reason"),
            lasts=kept.get("Lasts", True) is not False,
        )


@frozen
class DoubtRecord:
    """
    The report of a node that doubts: which etcd it knows, up to which revision, and which instances of that etcd have a
    container on the node, with the digests of the definitions they were made from.
    """

    number: int
    reason: str
    identity: int = 0
    revision: int = 0
    instances: Mapping[str, str] = field(factory=dict)
    unlisted: int = 0
    """How many more instances there are."""

    def encode(self) -> bytes:
        value = {
            "Number": self.number,
            "Reason": self.reason,
            "Identity": self.identity,
            "Revision": self.revision,
            "Instances": dict(self.instances),
            "Untold": self.unlisted,
        }
        return json.dumps(value).encode()

    @classmethod
    def decode(cls, value: bytes) -> DoubtRecord:
        """:raises BadInput: no agent wrote the value."""
        members = _object(value)
        instances = members.get("Instances", {})
        if not isinstance(instances, dict):
            raise BadInput("Instances is no object")
        return cls(
            number=_NUMBER(members.get("Number"), "Number"),
            reason=free_text(members.get("Reason", ""), "Reason"),
            identity=_REVISION(members.get("Identity", 0), "Identity"),
            revision=_REVISION(members.get("Revision", 0), "Revision"),
            instances={name: free_text(digest, "Instances") for name, digest in instances.items()},
            unlisted=_REVISION(members.get("Untold", 0), "Untold"),
        )


def encode_trust(numbers: Iterable[int]) -> bytes:
    """Return the operator's decision that these doubts are over."""
    return json.dumps({"Numbers": sorted(numbers)}).encode()


def decode_trust(value: bytes) -> frozenset[int]:
    """:raises BadInput: ``trust-etcd`` did not write the value."""
    numbers = _object(value).get("Numbers")
    if not isinstance(numbers, list) or len(numbers) > MOST_NUMBERS:
        raise BadInput("Numbers is no list of numbers")
    return frozenset(_NUMBER(number, "Numbers") for number in numbers)


def is_over(doubt: Doubt, changes: Iterable[Change], key: str) -> bool:
    """Return whether one of the changes is the decision, under ``key``, that ends this doubt."""
    return any(isinstance(change, Entry) and change.key == key and doubt.number in _named(change) for change in changes)


def _named(entry: Entry) -> frozenset[int]:
    try:
        return decode_trust(entry.value)
    except BadInput:
        return frozenset()


def _object(value: bytes) -> dict[str, object]:
    found = parse_json(value, MAX_DOCUMENT)
    if not isinstance(found, dict):
        raise BadInput("it is no object")
    return found
