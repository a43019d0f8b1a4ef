"""
The socket by which systemd wants to know how a service is: sd_notify(3). Nothing is lost if systemd does not listen.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping

from attrs import frozen

_SOCKET, _WATCHDOG, _WATCHED = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"


@frozen
class NotifySocket:
    """
    :ivar address: the path of the socket, or an abstract name, which begins with ``@``.
    :ivar watchdog: seconds after which systemd ends a service that has not reported; 0.0 if it does not.
    """

    address: str
    watchdog: float = 0.0

    @classmethod
    def taken_from(cls, environment: MutableMapping[str, str]) -> NotifySocket | None:
        """
        Return the socket that the environment names, or None, and remove it there: it is not for our own children, of
        which etcd would use it.
        """
        address, watchdog, watched = (environment.pop(name, "") for name in (_SOCKET, _WATCHDOG, _WATCHED))
        if not address.startswith(("/", "@")):
            return None
        is_watched = watchdog.isdecimal() and watched in ("", str(os.getpid()))
        return cls(address, int(watchdog) / 1e6 if is_watched else 0.0)

    def send(self, *assignments: str) -> bool:
        """Send assignments such as ``READY=1``, without waiting; whether systemd has got them."""
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
                notify.setblocking(False)
                notify.sendto("\n".join(assignments).encode(), address)
        except OSError:  # of the socket too, if this process may open no more files
            return False
        return True
