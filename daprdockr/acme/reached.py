# -*- test-case-name: tests.unit.acme.test_reached,tests.functional.test_acme -*-
"""
The question of an ACME server, asked beforehand: what answers on port 80 at an address. Blocking.

A stranger may have the address, so the whole answer has a latest time, however slowly it comes.
"""

from __future__ import annotations

import socket
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from threading import Timer

PORT = 80
TIMEOUT = 3.0
"""Seconds to connect, and without an octet."""

WHOLE = 6.0
"""Seconds for a whole answer."""

MOST_BYTES = 1024


def ask_address(address: str, host_name: str, path: str, port: int = PORT, within: float = WHOLE) -> str:
    """Return the answer of a web server at an address for a host name; "": there is none, or it is no short text."""
    with closing(HTTPConnection(address, port, timeout=TIMEOUT)) as connection:
        try:
            connection.connect()
            end = Timer(within, _end, (connection.sock,))
            end.daemon = True
            end.start()
        except OSError:
            return ""
        try:
            connection.request("GET", path, headers={"Host": host_name})
            with closing(connection.getresponse()) as answer:
                found = answer.read(MOST_BYTES)
                return found.decode("ascii", "replace") if answer.status == 200 else ""
        except (OSError, HTTPException, ValueError):
            return ""
        finally:
            end.cancel()


def _end(opened: socket.socket) -> None:
    with suppress(OSError):  # it is closed
        opened.shutdown(socket.SHUT_RDWR)
