"""The values that may stand in the place of a real one. Pure: the same random numbers give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

MOST = 64 * 1024
"""Bytes of a mutated value, about: longer ones test the memory of this program."""

TEXTS = (
    "", " ", "a", "A" * 5000, "\0", "\n", "a\r\nb", "\x1b[31m", "\x7f", "\u2028", "\u202e", "\ud800", "\udcff\udcfe",
    "é", "\U0001f600", "..", "../../etc/passwd", "a/b", "-", "--", "*", "$(id)", "`id`", "${x}", "{{ 7*7 }}", "%s%n",
    '"; return 200 "', "; }", "true", "null", "1", "-1", "1e9", "NaN", "0x10", "\u0661", "10.0.0.1", "::",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 2, 65535, 65536, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30, 10**400,
    0.5, -0.0, 1e-300, 1e300, float("nan"), float("inf"), float("-inf"),
)  # fmt: skip


class Mutations:
    """
    :param random: where chance comes from.
    :param others: real values, one of which may stand in the place of another.
    """

    def __init__(self, random: Random, others: list[bytes]) -> None:
        self._random = random
        self._others = others
        self._kinds: list[Callable[[bytes], bytes]] = [
            self._one_member,
            self._one_member,
            self._one_member,
            self._more_members,
            self._twice,
            self._cut,
            self._changed_octets,
            self._deep,
            self._digits,
            self._anything,
            self._text,
            self._other,
        ]

    def of(self, real: bytes) -> bytes:
        """A random value in the place of ``real``."""
        return self._random.choice(self._kinds)(real)

    def odd(self, depth: int = 0) -> Any:
        """A value of any type that JSON has, rarely a sensible one."""
        kind = self._random.randrange(8 if depth < 3 else 4)
        if kind < 2:
            return self._random.choice(TEXTS)
        if kind == 2:
            return self._random.choice(NUMBERS)
        if kind == 3:
            return self._random.choice((None, True, False, [], {}))
        if kind < 6:
            return [self.odd(depth + 1) for _ in range(self._random.randrange(4))]
        return {self._random.choice(TEXTS): self.odd(depth + 1) for _ in range(self._random.randrange(4))}

    def _one_member(self, real: bytes) -> bytes:
        """One part of it, wherever that lies, is another value, or is not there."""
        try:
            document = json.loads(real)
        except (ValueError, RecursionError):
            return self._changed_octets(real)
        places = list(_places(document))
        if not places:
            return _encoded(self.odd())
        holder, name = self._random.choice(places)
        if self._random.random() < 0.15 and isinstance(holder, dict):
            del holder[name]
        else:
            holder[name] = self.odd()
        return _encoded(document)

    def _more_members(self, real: bytes) -> bytes:
        try:
            document = json.loads(real)
        except (ValueError, RecursionError):
            return real + real
        holders = [document, *(holder[name] for holder, name in _places(document))]
        holder = self._random.choice([one for one in holders if isinstance(one, dict)] or [{}])
        holder[self._random.choice((*TEXTS, *(str(name).swapcase() for name in holder)))] = self.odd()
        return _encoded(document)

    def _twice(self, real: bytes) -> bytes:
        """The same member a second time, before or after the real one."""
        names = [name for _, name in _places(_loaded(real)) if isinstance(name, str)] or ["Name"]
        member = json.dumps(self._random.choice(names)).encode() + b":" + _encoded(self.odd())
        if self._random.random() < 0.5:
            return real.replace(b"{", b"{" + member + b",", 1)
        return real[: real.rfind(b"}")] + b"," + member + b"}"

    def _cut(self, real: bytes) -> bytes:
        start = self._random.choice((0, 0, 0, self._random.randrange(len(real) + 1)))
        return real[start : self._random.randrange(len(real) + 1)]

    def _changed_octets(self, real: bytes) -> bytes:
        changed = bytearray(real or b"\0")
        for _ in range(self._random.choice((1, 1, 2, 8))):
            place = self._random.randrange(len(changed))
            if self._random.random() < 0.5:
                changed[place] ^= 1 << self._random.randrange(8)
            else:
                changed[place:place] = self._random.randbytes(1)
        return bytes(changed)

    def _deep(self, real: bytes) -> bytes:
        depth = self._random.choice((30, 100, 1000, 20_000))
        opened, closed = self._random.choice(((b"[", b"]"), (b'{"a":', b"}")))
        nested = opened * depth + b"1" + closed * self._random.choice((0, depth))
        if self._random.random() < 0.5:
            return nested
        colon = real.find(b":")
        return real[: colon + 1] + nested + real[colon + 1 :]

    def _digits(self, real: bytes) -> bytes:
        """A number of many digits in the place of one, or of the whole."""
        digits = self._random.choice((b"9" * 5000, b"1e" + b"9" * 20, b"-" + b"0" * 400, b"0." + b"0" * 5000 + b"1"))
        numbers = [place for place, octet in enumerate(real) if chr(octet).isdigit()]
        if not numbers:
            return digits
        place = self._random.choice(numbers)
        return real[:place] + digits + real[place + 1 :]

    def _anything(self, real: bytes) -> bytes:
        return self._random.randbytes(self._random.choice((0, 1, 7, 100, 5000)))

    def _text(self, real: bytes) -> bytes:
        return self._random.choice(TEXTS).encode("utf-8", "surrogatepass")

    def _other(self, real: bytes) -> bytes:
        return self._random.choice(self._others)


def _places(document: Any) -> Any:
    """Every place in it that can be set: its holder, and the name or the index there."""
    waiting = [document]
    while waiting:
        holder = waiting.pop()
        parts = holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
        for name, part in list(parts):
            yield holder, name
            waiting.append(part)


def _loaded(real: bytes) -> Any:
    try:
        return json.loads(real)
    except (ValueError, RecursionError):
        return {}


def _encoded(document: Any) -> bytes:
    return json.dumps(document).encode()[:MOST]
