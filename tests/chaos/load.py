"""
Steady questions to every host that has power: HTTP through its nginx, and names from its DNS.

They come from outside the cluster, one after another at a fixed rate, each by a connection of its own; a host that does
not answer in time keeps no other waiting. Every answer is a line of the history.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import Any

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from tests.chaos.history import History
from tests.chaos.services import Wanted
from tests.rig.cluster.host import Host

RATE = 10
"""Questions of each kind in a second, over all hosts together."""

PATIENCE = 2.0
"""Seconds for an answer."""

MOST_WAITING = int(2 * RATE * PATIENCE)
"""Threads of each kind: as many as can wait when nobody answers, and again as many."""

Ask = Callable[[Host, random.Random], None]


class Load:
    """:param seed: decides who is asked for what."""

    def __init__(self, hosts: Sequence[Host], wanted: Wanted, history: History, seed: int) -> None:
        self._hosts = hosts
        self._wanted = wanted
        self._history = history
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep_asking, args=(ask, random.Random(f"{seed} {ask.__name__}")))
            for ask in (self.ask_http, self.ask_dns)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask no more, and wait for the answers that are still to come."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _keep_asking(self, ask: Ask, chance: random.Random) -> None:
        begin = time.monotonic()
        with ThreadPoolExecutor(MOST_WAITING) as threads:
            for number, host in enumerate(itertools.cycle(self._hosts)):
                if self._over.wait(max(0.0, begin + number / RATE - time.monotonic())):
                    return
                if host.machine.is_on:
                    threads.submit(ask, host, chance)

    def ask_http(self, host: Host, chance: random.Random) -> None:
        if services := self._wanted.served():
            service = chance.choice(services)
            begin = time.monotonic()
            found = http_answer(host.address, f"{service}.test")
            self._note("http", begin, host, service=service, **found)

    def ask_dns(self, host: Host, chance: random.Random) -> None:
        if names := self._wanted.names():
            name = chance.choice(names)
            begin = time.monotonic()
            found = dns_answer(host.address, name)
            self._note("dns", begin, host, name=name, **found)

    def _note(self, what: str, begin: float, host: Host, **found: Any) -> None:
        """The moment of a line is that of the question."""
        seconds = time.monotonic() - begin
        moment = self._history.now() - seconds
        self._history.note(what, at=moment, host=host.name, seconds=round(seconds, 3), **found)


def http_answer(address: str, host_name: str) -> dict[str, Any]:
    """As it stands in a line."""
    connection = HTTPConnection(address, timeout=PATIENCE)
    try:
        connection.request("GET", "/", headers={"Host": host_name, "Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(1000).decode("utf-8", "replace")
    except (OSError, HTTPException) as error:
        return {"ok": False, "status": 0, "by": "", "error": _told(error)}
    finally:
        connection.close()
    ok = answer.status == 200
    return {"ok": ok, "status": answer.status, "by": body.partition(" ")[0] if ok else "", "error": ""}


def dns_answer(address: str, name: str) -> dict[str, Any]:
    """As it stands in a line."""
    question = dns.message.make_query(name, dns.rdatatype.A)
    try:
        answer = dns.query.udp(question, address, timeout=PATIENCE)
    except (OSError, dns.exception.DNSException) as error:
        return {"rcode": "", "addresses": [], "error": _told(error)}
    found = [str(item) for rrset in answer.answer for item in rrset if rrset.rdtype == dns.rdatatype.A]
    return {"rcode": dns.rcode.to_text(answer.rcode()), "addresses": found, "error": ""}


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
