"""
The sockets of DNS: one UDP and one TCP socket for each address, opened and closed as addresses come and go.

Note [No wildcard socket]
    A UDP socket bound to 0.0.0.0 answers from the address the kernel would choose for a new packet, which need not be
    the one the client asked; a container that asked the host's address then gets its answer from the bridge's and drops
    it. So the wildcard means every address of the host, with a socket each.

Note [An address that is taken]
    Under a wildcard another resolver (systemd-resolved, dnsmasq) may hold port 53 of some address. That address is left
    to it, with one warning, and tried again at each poll, in case it becomes free. If this node publishes it,
    containers and other hosts ask there, and get other answers: ``unserved`` makes a trouble of that. An address that
    was named explicitly is a promise, so failing to bind it is an error at the start.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.listening.protocols import Datagrams
from daprdockr.model.errors import BadInput
from daprdockr.runtime.logged_once import LoggedOnce

POLL_SECONDS = 3.0
"""Between two readings of the addresses of this host, under a wildcard."""
_ANY4 = "0.0.0.0"
_ANY6 = "::"


class Answering(Protocol):
    """The controller of ``twisted.names`` that answers, and the factory of its TCP connections."""

    @property
    def connections(self) -> Collection[Any]: ...


@frozen
class _Sockets:
    """The two ports of one endpoint."""

    datagram: Any
    stream: Any

    def close(self) -> Deferred[Any]:
        return gatherResults([Deferred.fromCoroutine(_stop(port)) for port in (self.datagram, self.stream)])


async def _stop(port: Any) -> None:
    await port.stopListening()


class DnsListeners(Service):
    """Listens at each endpoint; ``0.0.0.0`` is every IPv4 address of the host, ``::`` every address."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        endpoints: Sequence[Endpoint],
        authority: Answering,
        host_addresses: Callable[[], frozenset[str]],
        listen_datagrams: Callable[[Any, int, Datagrams, str], Any],
        taken: dict[Endpoint, str],
    ) -> None:
        """
        :param taken: is kept up to date: the endpoints of a wildcard that another program has, each with the reason.
        :param host_addresses: returns all addresses of the host now; may raise OSError, then nothing changes.
        :param listen_datagrams: see ``batched``.
        """
        self._reactor = reactor
        self._wildcards = tuple(e for e in endpoints if e.address in (_ANY4, _ANY6))
        self._fixed = tuple(e for e in endpoints if e.address not in (_ANY4, _ANY6))
        self._authority = authority
        self._host_addresses = host_addresses
        self._listen_datagrams = listen_datagrams
        self._open: dict[Endpoint, _Sockets] = {}
        self._taken = taken
        self._unread = LoggedOnce(
            lambda reason: self.log.warn("the addresses of this host cannot be read: {reason}", reason=reason)
        )
        self._closing: list[Deferred[Any]] = []
        self._polling = LoopingCall(self._poll)
        self._polling.clock = reactor

    @property
    def bound(self) -> tuple[Endpoint, ...]:
        """The present endpoints; a port that was 0 is the one the kernel chose."""
        return tuple(sorted(Endpoint(e.address, s.datagram.getHost().port) for e, s in self._open.items()))

    def privilegedStartService(self) -> None:
        """
        Bind while we still may (``twistd`` gives up its privileges after this).

        :raises BadInput: an endpoint that was named explicitly cannot be bound.
        """
        for endpoint in self._fixed:
            try:
                self._open[endpoint] = self._listen(endpoint)
            except CannotListenError as error:
                raise BadInput(
                    f"--dns {endpoint} cannot be listened at ({error.socketError}): free it or name another"
                ) from error
        self._follow()

    def startService(self) -> None:
        super().startService()
        if self._wildcards:
            self._polling.start(POLL_SECONDS)

    def stopService(self) -> Deferred[Any]:
        super().stopService()
        if self._polling.running:
            self._polling.stop()
        for connection in list(self._authority.connections):
            connection.transport.abortConnection()
        for endpoint in list(self._open):
            self._close(endpoint)
        return gatherResults(self._closing)

    def _poll(self) -> None:
        # Every exception is caught, because a LoopingCall ends at the first one.
        try:
            self._follow()
        except Exception:
            self.log.failure("the addresses of this host could not be followed")

    def _follow(self) -> None:
        """Open and close sockets so that a wildcard has those of the addresses that exist now."""
        if not self._wildcards:
            return
        try:
            addresses = self._host_addresses()
        except OSError as error:
            self._unread.found(str(error))
            return
        self._unread.found("")
        wanted = {Endpoint(a, w.port) for w in self._wildcards for a in addresses if w.ipv6 or ":" not in a}
        for endpoint in self._taken.keys() - wanted:
            del self._taken[endpoint]
        for gone in set(self._open) - wanted - set(self._fixed):
            self.log.info("address {endpoint} is gone, no longer listening there", endpoint=str(gone))
            self._close(gone)
        for new in sorted(wanted - set(self._open)):
            self._try(new)

    def _try(self, endpoint: Endpoint) -> None:
        """See Note [An address that is taken]."""
        try:
            self._open[endpoint] = self._listen(endpoint)
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", "") or str(error.socketError)
            if endpoint not in self._taken:
                self.log.warn("not listening at {endpoint}: {reason}", endpoint=str(endpoint), reason=reason)
            self._taken[endpoint] = reason
        else:
            self._taken.pop(endpoint, None)
            self.log.info("listening at {endpoint}", endpoint=str(endpoint))

    def _listen(self, endpoint: Endpoint) -> _Sockets:
        """:raises CannotListenError: then neither socket is open."""
        datagrams = Datagrams(self._authority, self._reactor)
        datagram = self._listen_datagrams(self._reactor, endpoint.port, datagrams, endpoint.address)
        try:
            port = datagram.getHost().port
            stream = self._reactor.listenTCP(port, self._authority, interface=endpoint.address)
        except CannotListenError:
            datagram.stopListening()
            raise
        return _Sockets(datagram, stream)

    def _close(self, endpoint: Endpoint) -> None:
        self._closing = [one for one in self._closing if not one.called]
        self._closing.append(self._open.pop(endpoint).close())
