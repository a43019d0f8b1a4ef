"""
The law ``claims``: never two holders of an instance at once, in etcd's order.

An instance's claim is one key, so etcd alone sees to it that it has one holder at a time. The agents have to keep this:
it never passes from one living holder to another that was not meant to get it. In the order of etcd:

- While the key lives, which is from its creation to its deletion, by hand or with its lease, it keeps node and lease. A
  node that lost it and claims it again makes another key, with another create revision.
- But for a succession: one revision puts the claim, deletes the successor's key (``…/next``) and leaves to the claim
  the node and the lease of that key. The owner must have asked for it: ``Leaving`` stood in the claim when that
  successor came, or at some time since.
- The successor's key never changes node or lease.
- Every record names a node and hangs on a lease, and a lease belongs to one node.
- The create revision stays as long as the key lives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from attrs import define, field, frozen

from tests.chaos.evidence import Violation
from tests.chaos.evidence_etcd import Change

_HELD = re.compile(r"instances/[^/]+/[^/]+/[0-9]+(/next)?")
_NEXT = "/next"


@frozen
class _Held:
    """A key that lives: its latest change, and whether ``Leaving`` stood in it since the present successor came."""

    latest: Change
    asked: bool


@define
class _Claims:
    """All keys that live at one revision."""

    held: dict[str, _Held] = field(factory=dict)
    owners: dict[str, Change] = field(factory=dict)

    def take(self, together: list[Change]) -> Iterator[Violation]:
        """All changes of one revision."""
        by_key = {change.key: change for change in together}
        for change in together:
            if not change.deleted:
                yield from self._put(change, by_key)
        for change in together:
            if change.deleted:
                self.held.pop(change.key, None)
        for change in together:
            if change.key.endswith(_NEXT) and not change.deleted:
                self._successor_came(change)

    def _successor_came(self, successor: Change) -> None:
        owner = self.held.get(successor.key.removesuffix(_NEXT))
        if owner is not None:
            self.held[owner.latest.key] = _Held(owner.latest, owner.latest.leaving)

    def _put(self, change: Change, together: Mapping[str, Change]) -> Iterator[Violation]:
        before = self.held.get(change.key)
        changed = before is not None and _holder(before.latest) != _holder(change)
        if not change.node or change.lease == "0":
            yield _violation("names no node, or hangs on no lease", change)
        elif (other := self.owners.setdefault(change.lease, change)).node != change.node:
            yield _violation(f"has a lease of {other.node} and names {change.node}", change, other)
        if before is not None and before.latest.create_revision != change.create_revision:
            yield _violation("was created anew without having ended", change, before.latest)
        elif before is not None and changed:
            yield from self._handed_over(before, change, together)
        asked = change.leaving or (before is not None and before.asked)
        self.held[change.key] = _Held(change, asked)

    def _handed_over(self, before: _Held, change: Change, together: Mapping[str, Change]) -> Iterator[Violation]:
        key = change.key + _NEXT
        successor, end = self.held.get(key), together.get(key)
        passed = f"passed from {_told(before.latest)} to {_told(change)}"
        if successor is None or end is None or not end.deleted:
            yield _violation(f"{passed} while it lived", change, before.latest)
        elif _holder(successor.latest) != _holder(change):
            yield _violation(f"{passed}, but the successor was {_told(successor.latest)}", change, successor.latest)
        elif not before.asked:
            yield _violation(f"{passed}, which {before.latest.node} had not asked for", change, before.latest)


def claims(changes: Iterable[Change]) -> Iterator[Violation]:
    """:param changes: all, in etcd's order."""
    state, epoch = _Claims(), None
    together: list[Change] = []
    for change in changes:
        if together and together[0].order != change.order:
            yield from state.take(together)
            together = []
        if change.epoch != epoch:
            state, epoch = _Claims(), change.epoch
        if _HELD.fullmatch(change.key):
            together.append(change)
    yield from state.take(together)


def _holder(change: Change) -> tuple[str, str]:
    return change.node, change.lease


def _told(change: Change) -> str:
    return f"{change.node or 'nobody'} (lease {change.lease})"


def _violation(text: str, change: Change, *more: Change) -> Violation:
    numbers = (change.number, *(other.number for other in more))
    return Violation(change.at, "claims", f"revision {change.revision}: {change.key} {text}", numbers)
