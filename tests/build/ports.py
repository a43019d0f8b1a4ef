"""
Free ports for the programs that tests start.

Note [Ports that connections take]
    The kernel takes the local ports of outgoing connections from the range of ``bind`` to port 0. A port from there may
    be taken between its choice and its use, and a client that polls it before anybody listens may connect to itself and
    hold it. Instances get host ports from 20000 on (``daprdockr.agent.host.ports``). So tests choose below both.
"""

from __future__ import annotations

import contextlib
import random
import socket

FIRST, LAST = 10_000, 19_999

_given: set[int] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free for TCP and UDP on ``host``, and that no other caller in this process was given."""
    while True:
        port = random.randint(FIRST, LAST)
        if port not in _given and _is_free(host, port):
            _given.add(port)
            return port


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with contextlib.closing(socket.socket(family, kind)) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
