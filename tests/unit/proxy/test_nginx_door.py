"""The door of nginx from the agent's side, with tables and a socket that a test holds."""

from __future__ import annotations

from typing import Any, cast

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import ProxyError
from daprdockr.proxy.certificates import CertificateState
from daprdockr.proxy.message import DoorState
from daprdockr.proxy.nginx_door import NginxDoor
from daprdockr.proxy.routes import Route, Upstream
from tests.build.values import WEB, instance


@define
class Table:
    """In the place of a table: what is wanted of it."""

    wanted: list[Any] = field(factory=list)
    reached: int | None = 7
    changes: int = 1
    reason: str = ""

    def want(self, state: Any, revision: int = 0) -> None:
        self.wanted.append((state, revision))


@define
class Socket:
    """In the place of the unix socket: what nginx answers."""

    found: frozenset[str] | ProxyError = frozenset()

    async def busy(self) -> frozenset[str]:
        if isinstance(self.found, ProxyError):
            raise self.found
        return self.found

    async def counts(self) -> dict[str, int]:
        return {"held": 2}


class NginxDoorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.is_there = True
        self.socket, self.routes, self.certificates = Socket(), Table(), Table()
        self.door = self.made(self.certificates)

    def made(self, certificates: Table | None) -> NginxDoor:
        given: Any = {"socket": self.socket, "routes": self.routes, "certificates": certificates}
        return NginxDoor(**given, is_there=lambda: self.is_there)

    def publish(self, revision: int = 5) -> None:
        self.door.publish([Route("a.test", WEB, (Upstream(instance(1), "10.0.0.1", 80),))], revision)

    @property
    def busy(self) -> frozenset[str]:
        return self.successResultOf(cast(Any, self.door.busy()))

    def test_not_there(self) -> None:
        """An nginx that does not run leads nobody anywhere, and counts nothing."""
        self.socket.found = frozenset({"10.0.0.1:80"})
        self.is_there = False
        counts = self.successResultOf(cast(Any, self.door.counts()))
        self.assertEqual((self.door.reached, self.busy, counts), (None, set(), {}))
        self.is_there = True
        counts = self.successResultOf(cast(Any, self.door.counts()))
        self.assertEqual((self.door.reached, self.busy, counts), (7, {"10.0.0.1:80"}, {"held": 2}))

    def test_busy(self) -> None:
        """An endpoint to which a route leads is not among the busy ones; none is known of an nginx without answer."""
        self.publish()
        self.socket.found = frozenset({"10.0.0.1:80", "10.0.0.2:80"})
        self.assertEqual(self.busy, {"10.0.0.2:80"})
        self.socket.found = ProxyError("no answer")
        self.assertEqual(self.busy, set())

    def test_challenges(self) -> None:
        """An account is answered for as soon as there are routes, and then with those that were published last."""
        self.door.answer_challenges("thumb")
        self.assertEqual(self.routes.wanted, [])
        self.publish()
        self.door.answer_challenges("other")
        self.door.answer_challenges("other")
        found = [(cast(DoorState, state).thumbprint, revision) for state, revision in self.routes.wanted]
        self.assertEqual(found, [("thumb", 5), ("other", 5)])

    def test_certificates(self) -> None:
        """Certificates go to their own table; without TLS listeners there is none."""
        state = CertificateState({}, {})
        self.door.certify(state)
        self.assertEqual((self.certificates.wanted, self.door.certified), ([(state, 0)], 1))
        plain = self.made(None)
        plain.certify(state)
        self.assertEqual((len(self.certificates.wanted), plain.certified), (1, 0))

    def test_reason(self) -> None:
        """The reason why routes are not served goes before that of certificates."""
        self.certificates.reason = "no certificates"
        self.assertEqual(self.door.reason, "no certificates")
        self.routes.reason = "no routes"
        self.assertEqual(self.door.reason, "no routes")
