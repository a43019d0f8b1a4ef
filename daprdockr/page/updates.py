"""
The page as its readers have it, and what changes of it.

An update has the elements that changed, by their keys, and the order of each list that has other ones than before. It
is written once for all readers. A reader that has not had the last one gets all of it: the whole is an update, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from attrs import define, field, frozen

from daprdockr.page.assets import EDITION
from daprdockr.page.fragments import Fragment, FragmentKind, fragments
from daprdockr.page.render import page, written
from daprdockr.page.seen import Seen
from daprdockr.picture.cells import moment

LISTS: Mapping[FragmentKind, str] = {FragmentKind.NODE: "nodes", FragmentKind.SERVICE: "services"}
"""The element of the page in which the fragments of a kind stand."""


@frozen
class PageUpdate:
    """
    :ivar at: the number of what a reader has who got it.
    :ivar time: of what is shown, for people.
    :ivar texts: elements by key.
    :ivar orders: the keys of a list in their order.
    """

    at: str
    time: str
    texts: Mapping[str, str]
    orders: Mapping[str, list[str]]

    def encode(self) -> bytes:
        """Return it as a server-sent event, on one line of data."""
        data = {"edition": EDITION, "time": self.time, "texts": self.texts, "orders": self.orders}
        return f"id: {self.at}\nevent: update\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def beat(time: float) -> bytes:
    """Return the event that says that nothing has changed until now."""
    return f"event: beat\ndata: {json.dumps({'time': moment(time)})}\n\n".encode()


@define(eq=False)
class ShownPage:
    """
    :ivar epoch: differs for each agent that was started.
    :ivar seen: what is shown.
    """

    epoch: str
    seen: Seen
    _number: int = 0
    _texts: dict[str, tuple[Fragment, str]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.take(self.seen)

    @property
    def at(self) -> str:
        return f"{self.epoch}.{self._number}"

    def take(self, seen: Seen) -> PageUpdate | None:
        """Show this from now on; return what changes of it, None if nothing does."""
        before, self.seen = self._texts, seen
        self._texts = {one.key: self._written(one) for one in fragments(seen)}
        changed = {
            key: text for key, (fragment, text) in self._texts.items() if before.get(key, (None,))[0] != fragment
        }
        orders = {name: keys for name, keys in self._orders().items() if keys != _orders(before.values()).get(name)}
        if not changed and not orders:
            return None
        self._number += 1
        return PageUpdate(self.at, moment(seen.time), changed, orders)

    def whole(self) -> PageUpdate:
        """Return all of it, for a reader who may have anything."""
        return PageUpdate(
            self.at, moment(self.seen.time), {key: text for key, (_, text) in self._texts.items()}, self._orders()
        )

    def page(self) -> str:
        """Return it as a document."""
        return page(self.seen, dict(self._texts.values()), self.at)

    def _orders(self) -> dict[str, list[str]]:
        return _orders(self._texts.values())

    def _written(self, fragment: Fragment) -> tuple[Fragment, str]:
        known = self._texts.get(fragment.key)
        return known if known is not None and known[0] == fragment else (fragment, written(fragment))


def _orders(texts: Iterable[tuple[Fragment, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name in LISTS.values()}
    for fragment, _ in texts:
        if fragment.kind in LISTS:
            found[LISTS[fragment.kind]].append(fragment.key)
    return found
