"""
The addresses of this host, as the kernel lists them in ``/proc/net``: in this network namespace, without a
process to run or a netlink message to build (proc(5); Linux ``net/ipv4/fib_trie.c``, ``net/ipv6/addrconf.c``).
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from pathlib import Path

_LOCAL = re.compile(r"\|-- (\S+)\n\s+/32 host LOCAL")
_UNUSABLE = 0x40 | 0x08
"""IFA_F_TENTATIVE and IFA_F_DADFAILED of ``linux/if_addr.h``: such an address cannot be bound."""


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
    found = parse_fib_trie((root / "fib_trie").read_text())
    # The file is missing where the kernel has no IPv6.
    return found | parse_if_inet6(inet6.read_text()) if inet6.exists() else found
