"""
The addresses of this host, as the kernel lists them in ``/proc/net``: in this network namespace, without a
process to run or a netlink message to build (proc(5); Linux ``net/ipv4/fib_trie.c``, ``net/ipv6/addrconf.c``).

Note [A reading for all]
    Several parts want the addresses of now: each heartbeat, the listeners, each container that is created. A
    reading costs more than all else that a heartbeat does, so they share one that is a few seconds old. The part
    that follows the addresses for the others reads them each time, and its reading is shared from then on.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

_LOCAL = re.compile(r"\|-- (\S+)\n\s+/32 host LOCAL")
_UNUSABLE = 0x40 | 0x08
"""IFA_F_TENTATIVE and IFA_F_DADFAILED of ``linux/if_addr.h``: such an address cannot be bound."""
SHARED = 2.5
"""Seconds for which a reading is shared: fewer than between two polls of the listeners."""
_PART = 64 * 1024


@lru_cache(maxsize=1)  # They are read some times a second, and change hardly ever.
def parse_fib_trie(text: str) -> frozenset[str]:
    """Return the host's IPv4 addresses in a ``/proc/net/fib_trie``: leaves of 32 bits in the table of local routes."""
    return frozenset(_LOCAL.findall(text))


@lru_cache(maxsize=1)
def parse_if_inet6(text: str) -> frozenset[str]:
    """
    Return the host's IPv6 addresses in a ``/proc/net/if_inet6``, without link-local ones, which need a zone to be used.
    """
    found = set()
    for line in text.splitlines():
        digits, _index, _length, _scope, flags, _interface = line.split()
        address = ipaddress.IPv6Address(bytes.fromhex(digits))
        if not address.is_link_local and not int(flags, 16) & _UNUSABLE:
            found.add(str(address))
    return frozenset(found)


def host_addresses(root: Path = Path("/proc/net")) -> frozenset[str]:
    """
    Return all addresses of the host now.

    :raises OSError: the kernel's list cannot be read.
    """
    inet6 = root / "if_inet6"
    found = parse_fib_trie(_read(root / "fib_trie"))
    try:
        return found | parse_if_inet6(_read(inet6))
    except FileNotFoundError:  # the kernel has no IPv6
        return found


def _read(path: Path) -> str:
    """Return a file of the kernel's, without a file object, which takes twice as long as the reading."""
    parts, descriptor = [], os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while part := os.read(descriptor, _PART):
            parts.append(part)
    finally:
        os.close(descriptor)
    return b"".join(parts).decode()


class SharedAddresses:
    """
    See Note [A reading for all]. Call it for addresses that are at most ``SHARED`` seconds old. From any thread.

    :param read: as ``host_addresses``; what it raises goes through, and is not shared.
    :param clock: monotonic seconds.
    """

    def __init__(self, read: Callable[[], frozenset[str]], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._last: tuple[float, frozenset[str]] | None = None

    def __call__(self) -> frozenset[str]:
        last = self._last
        return last[1] if last is not None and self._clock() - last[0] < SHARED else self.now()

    def now(self) -> frozenset[str]:
        """Read them."""
        begun = self._clock()
        found = self._read()
        self._last = begun, found
        return found
