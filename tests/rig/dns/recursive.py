"""
A recursive resolver of a small world: it follows aliases, asks the servers of delegated zones in turn, and another
resolver for all other names. It caches nothing.
"""

from __future__ import annotations

import itertools
import socketserver
import threading
from collections.abc import Sequence
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.rrset

from tests.build.ports import free_port

TIMEOUT = 3.0


class Recursive:
    """
    It listens on ``port`` of the loopback address; ``asked`` has the questions that it asked of the
    servers of zones, as name, type and the number of records that were found.

    :param others: the port of the other resolver.
    :param aliases: by name, where its CNAME leads.
    :param zones: by name, the ports of its servers.
    """

    def __init__(self, others: int, aliases: dict[str, str], zones: dict[str, Sequence[int]]) -> None:
        self.asked: list[tuple[str, str, int]] = []
        self._others = others
        self._aliases = {dns.name.from_text(name): dns.name.from_text(target) for name, target in aliases.items()}
        self._zones = {dns.name.from_text(name): itertools.cycle(ports) for name, ports in zones.items()}
        self.port = free_port()
        self._servers = [
            socketserver.ThreadingUDPServer(("127.0.0.1", self.port), self._datagram()),
            socketserver.ThreadingTCPServer(("127.0.0.1", self.port), self._stream()),
        ]
        self._threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in self._servers]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def _datagram(self) -> type[socketserver.BaseRequestHandler]:
        answer = self.answer

        class Datagram(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                packet, sock = self.request
                sock.sendto(answer(dns.message.from_wire(packet)).to_wire(), self.client_address)

        return Datagram

    def _stream(self) -> type[socketserver.StreamRequestHandler]:
        answer = self.answer

        class Stream(socketserver.StreamRequestHandler):
            timeout = 10

            def handle(self) -> None:
                while length := self.rfile.read(2):
                    packet = self.rfile.read(int.from_bytes(length))
                    reply = answer(dns.message.from_wire(packet)).to_wire()
                    self.wfile.write(len(reply).to_bytes(2) + reply)

        return Stream

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        (question,) = query.question
        reply = dns.message.make_response(query, recursion_available=True)
        target = self._aliases.get(question.name)
        if target is not None:
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "CNAME", target.to_text()))
            if question.rdtype == dns.rdatatype.CNAME:
                return reply
        found = self._found(target or question.name, question.rdtype)
        reply.set_rcode(found.rcode())
        reply.answer += found.answer
        reply.authority += found.authority
        return reply

    def _found(self, name: dns.name.Name, kind: Any) -> dns.message.Message:
        zone = next((zone for zone in self._zones if name.is_subdomain(zone)), None)
        query = dns.message.make_query(name, kind, flags=0 if zone else dns.flags.RD)
        port = self._others if zone is None else next(self._zones[zone])
        found = dns.query.udp(query, "127.0.0.1", timeout=TIMEOUT, port=port)
        if zone is not None:
            self.asked.append((name.to_text(True), dns.rdatatype.to_text(kind), len(found.answer)))
        return found
