"""An ACME server in memory, and the ways in which it fails; ``daprdockr.acme.orders.Ordering`` is its seam."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from daprdockr.acme.orders import DNS, HTTP, Challenge, OrderStatus, RenewalWindow
from daprdockr.model.errors import OrderLost

LIFE = 90 * 86400.0
TEXT = "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo"


class MemoryAcme:
    """
    ``orders`` has the name, what it replaces, and the status of each order by URL; ``failing``, unless it is None, is
    raised by the method named ``fails_at``, after what happens ``meanwhile``; ``chain``, unless it is None, is sent for
    each certificate. Certificates begin now.
    """

    def __init__(self, directory: str, clock: Callable[[], float]) -> None:
        self.directory = directory
        self.orders: dict[str, list[str]] = {}
        self.asked: list[str] = []
        self.failing: Exception | None = None
        self.fails_at = "order"
        self.meanwhile: Callable[[], None] = lambda: None
        self.chain: bytes | None = None
        self.window: RenewalWindow | None = None
        self._clock = clock
        self._issuer = ec.generate_private_key(ec.SECP256R1())

    def order(self, host_name: str, replaces: str = "") -> str:
        self._fail("order")
        url = f"{self.directory}/order/{len(self.orders) + 1}"
        self.orders[url] = [host_name, replaces, "pending"]
        return url

    def look(self, order: str) -> OrderStatus:
        self._fail("look")
        name, _, status = self._known(order)
        challenge = Challenge(f"{order}/challenge", HTTP, name)
        if name.startswith("*."):
            challenge = Challenge(f"{order}/challenge", DNS, name.removeprefix("*."), TEXT)
        return OrderStatus(status, (challenge,) if status == "pending" else ())

    def answer(self, order: str, answered: Sequence[Challenge], within: float) -> None:
        self._fail("answer")
        self._known(order)[2] = "ready"

    def finish(self, order: str, request: bytes, within: float) -> bytes:
        self._fail("finish")
        known = self._known(order)
        known[2] = "valid"
        return self.chain if self.chain is not None else self._issued(x509.load_pem_x509_csr(request))

    def renewal(self, renewal_id: str) -> RenewalWindow | None:
        self._fail("renewal")
        return self.window

    def _fail(self, method: str) -> None:
        self.asked.append(method)
        if self.fails_at == method:
            self.meanwhile()
            if self.failing is not None:
                raise self.failing

    def _known(self, order: str) -> list[str]:
        if order not in self.orders:
            raise OrderLost("the ACME server has no such order")
        return self.orders[order]

    def _issued(self, request: x509.CertificateSigningRequest) -> bytes:
        first = datetime.datetime.fromtimestamp(int(self._clock()), datetime.UTC)
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._issuer.public_key())
        certificate = (
            x509.CertificateBuilder(x509.Name([]), x509.Name([]), request.public_key(), len(self.orders))
            .not_valid_before(first)
            .not_valid_after(first + datetime.timedelta(seconds=LIFE))
            .add_extension(names, critical=True)
            .add_extension(issuer, critical=False)
            .sign(self._issuer, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)
