# -*- test-case-name: tests.functional.test_acme_server -*-
"""Orders, challenges and times of renewal, as values, and what an ACME server does with them, as a seam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import frozen

HTTP, DNS = "http-01", "dns-01"


@frozen
class Enrolment:
    """
    :ivar email: of a person, for the server; "": none is given.
    :ivar binding: the id and the key (base64url) of an account elsewhere, for a server that asks for one.
    """

    email: str = ""
    binding: tuple[str, str] | None = None


@frozen
class Challenge:
    """
    :ivar value: of DNS-01: the text record that the server will look for.
    :ivar answered: whether the server was asked already to look.
    """

    url: str
    kind: str
    host_name: str
    value: str = ""
    answered: bool = False


@frozen
class OrderStatus:
    """
    :ivar status: as in RFC 8555, 7.1.6; never "invalid".
    :ivar challenges: one for each name that is not proved yet.
    """

    status: str
    challenges: tuple[Challenge, ...] = ()


@frozen
class RenewalWindow:
    """When the server wants a certificate to be renewed (RFC 9773), and after how many seconds to ask again."""

    begins: float
    ends: float
    ask_again: float


@frozen
class Clocking:
    """
    Ways to wait: ``clock`` counts seconds, and ``sleep`` lets some pass in this thread.

    :ivar silence: seconds without an octet after which a request has failed.
    """

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    silence: float = 10.0


class Ordering(Protocol):
    """
    The server behind one directory, for one account; ``AcmeServer`` implements it. Blocking.

    :raises AcmeRefused, AcmeUnavailable: by any method.
    """

    directory: str

    def order(self, host_name: str, replaces: str = "") -> str:
        """
        Begin an order, and return its URL.

        :param replaces: the ``renewal_id`` of the certificate that this one takes the place of.
        """

    def look(self, order: str) -> OrderStatus:
        """:raises OrderLost: the server has forgotten it, or it came to nothing."""

    def answer(self, order: str, answered: Sequence[Challenge], within: float) -> None:
        """
        Say that the challenges can be checked, unless that was said before, and return when the order is ready for its
        certificate.

        :raises OrderLost: the server found no answer, or another one.
        """

    def finish(self, order: str, request: bytes, within: float) -> bytes:
        """
        Have the certificate issued, unless it is, and return it with those between it and the root, as PEM.

        :param request: the CSR.
        :raises OrderLost: none will be.
        """

    def renewal(self, renewal_id: str) -> RenewalWindow | None:
        """Return when a certificate should be renewed; None: the server does not say such things."""
