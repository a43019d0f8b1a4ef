"""
Free ports for the programs that tests start.

Note [Ports that connections take]
    The kernel takes the local ports of outgoing connections from the range of ``bind`` to port 0. A port from there may
    be taken between its choice and its use, and a client that polls it before anybody listens may connect to itself and
    hold it. Instances get host ports from 20000 on (``daprdockr.agent.host.ports``). So tests choose below both.

Note [Ports that other tests take]
    A program listens some time after its port was chosen, and not at all between its end and its next start. Other
    tests on this machine, in processes of their own, choose at that time. So each process chooses in blocks that are
    its own: it holds an abstract unix socket named after the block, which the kernel frees at its end, however it ends.
"""

from __future__ import annotations

import contextlib
import random
import socket

FIRST, LAST = 10_000, 19_999
BLOCK = 50

_left: list[int] = []
_held: list[socket.socket] = []


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free for TCP and UDP on ``host``, and that no other caller was given."""
    while True:
        if not _left:
            _left.extend(_own_block())
            random.shuffle(_left)
        port = _left.pop()
        if _is_free(host, port):
            return port


def _own_block() -> range:
    """Ports in which no other process chooses. See Note [Ports that other tests take]."""
    blocks = list(range(FIRST, LAST + 1, BLOCK))
    random.shuffle(blocks)
    for first in blocks:
        holder = socket.socket(socket.AF_UNIX)
        try:
            holder.bind(f"\0daprdockr-tests-ports-{first}")
        except OSError:
            holder.close()
        else:
            _held.append(holder)
            return range(first, first + BLOCK)
    raise AssertionError(f"other processes hold all ports from {FIRST} to {LAST}")


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with contextlib.closing(socket.socket(family, kind)) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
