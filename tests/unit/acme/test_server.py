"""Orders at a scripted ACME server: what it is asked, what its answers mean, and how long is waited for them."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlsplit

from josepy import b64
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.acme.keys import SigningKey
from daprdockr.acme.orders import DNS, HTTP, Challenge, Clocking, Enrolment, OrderStatus, RenewalWindow
from daprdockr.acme.server import AcmeServer
from daprdockr.model.errors import AcmeRefused, AcmeUnavailable, OrderLost
from tests.fakes.acme_http import PLACES, Scripted, ScriptedAcme, problem

KEY = SigningKey.generate()
NAME = "a.example.com"
TOKEN = "dG9rZW4tdG9rZW4tdG9rZW4"
CHAIN = b"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"

MADE = Scripted({"status": "valid"}, 201, {"Location": "{base}/account"})


def order(status: str, **members: Any) -> Scripted:
    """An order for one name, as the server shows it."""
    body = {"status": status, "identifiers": [{"type": "dns", "value": NAME}], "authorizations": ["{base}/authz"]}
    return Scripted(body | {"finalize": "{base}/finalize"} | members)


def authorization(*challenges: dict[str, Any], name: str = NAME, **members: Any) -> Scripted:
    """How a name is to be proved."""
    identifier = {"type": "dns", "value": name}
    return Scripted({"status": "pending", "identifier": identifier, "challenges": list(challenges), **members})


def challenge(kind: str, status: str = "pending", **members: Any) -> dict[str, Any]:
    return {"type": kind, "url": f"{{base}}/{kind}", "token": TOKEN, "status": status, **members}


class AcmeServerCase(SynchronousTestCase):
    """A server with one order, and a client for whom time passes only while it sleeps."""

    def setUp(self) -> None:
        self.acme = ScriptedAcme()
        self.addCleanup(self.acme.close)
        self.script, self.place = self.acme.script, self.acme.base + "/order"
        self.slept: list[float] = []
        self.script["/newOrder"] = [Scripted({"status": "pending"}, 201, {"Location": "{base}/order"})]
        self.script["/order"] = [order("pending")]
        self.script["/authz"] = [authorization(challenge(HTTP), challenge(DNS))]
        self.server = self.made()

    def made(self, enrolment: Enrolment = Enrolment("anna@example.com")) -> AcmeServer:  # noqa: B008
        clocking = Clocking(lambda: sum(self.slept), self.slept.append, silence=5.0)
        return AcmeServer(f"{self.acme.base}/dir", ca=None, key=KEY, enrolment=enrolment, clocking=clocking)

    def renewals(self) -> None:
        """The server says when certificates are to be renewed."""
        self.acme.directory(*PLACES, "renewalInfo")

    def payloads(self, path: str) -> list[Any]:
        return [asked.payload for asked in self.acme.of(path)]


class AccountTests(AcmeServerCase):
    def test_known(self) -> None:
        """An account that exists is found by its key, and signs all further requests by its URL."""
        self.server.order(NAME)
        self.server.order(NAME)
        (found,) = self.acme.of("/newAccount")
        self.assertEqual(found.payload["onlyReturnExisting"], True)
        self.assertEqual((found.protected["jwk"]["crv"], "kid" in found.protected), ("P-256", False))
        for asked in self.acme.of("/newOrder"):
            self.assertEqual((asked.protected["kid"], "jwk" in asked.protected), (f"{self.acme.base}/account", False))
            self.assertEqual((asked.protected["alg"], asked.protected["url"]), ("ES256", self.acme.base + asked.path))
            self.assertTrue(asked.agent.startswith("daprdockr/"))

    def test_new(self) -> None:
        """A server without the account is asked for one, with the address of a person and without an old account."""
        self.script["/newAccount"] = [problem("accountDoesNotExist"), MADE]
        self.server.order(NAME)
        _, made = self.acme.of("/newAccount")
        self.assertEqual(
            (made.payload["contact"], made.payload["termsOfServiceAgreed"]), (["mailto:anna@example.com"], True)
        )
        self.assertNotIn("onlyReturnExisting", made.payload)
        self.assertIn("jwk", made.protected)

    def test_without_address(self) -> None:
        """Without an address no contact is given."""
        self.script["/newAccount"] = [problem("accountDoesNotExist"), MADE]
        self.made(Enrolment()).order(NAME)
        self.assertFalse(self.payloads("/newAccount")[1].get("contact"))

    def test_bound(self) -> None:
        """An account elsewhere is named in the request for a new one: this key, signed by the key of that account."""
        secret = b"a secret of sixteen octets"
        self.script["/newAccount"] = [problem("externalAccountRequired", 403), MADE]
        self.made(Enrolment(binding=("kid-1", b64.b64encode(secret).decode()))).order(NAME)
        bound = self.payloads("/newAccount")[1]["externalAccountBinding"]
        protected = json.loads(b64.b64decode(bound["protected"]))
        expected = {"alg": "HS256", "kid": "kid-1", "url": f"{self.acme.base}/newAccount"}
        self.assertEqual(protected, expected)
        self.assertEqual(json.loads(b64.b64decode(bound["payload"])), self.acme.of("/newAccount")[1].protected["jwk"])
        signed = f"{bound['protected']}.{bound['payload']}".encode()
        self.assertEqual(b64.b64decode(bound["signature"]), hmac.new(secret, signed, hashlib.sha256).digest())

    def test_bound_before(self) -> None:
        """An account that a server finds only by its binding is used."""
        self.script["/newAccount"].insert(0, problem("externalAccountRequired", 403))
        self.assertEqual(
            self.made(Enrolment(binding=("kid-1", b64.b64encode(b"secret").decode()))).order(NAME), self.place
        )
        (asked,) = self.acme.of("/newOrder")
        self.assertEqual(asked.protected["kid"], f"{self.acme.base}/account")

    def test_refused(self) -> None:
        """An account that the server refuses for another reason is not asked for again at once."""
        self.script["/newAccount"] = [problem("unauthorized", 403, "the account is deactivated")]
        with self.assertRaisesRegex(AcmeRefused, r"refused \(unauthorized\): the account is deactivated"):
            self.server.order(NAME)
        self.assertEqual(len(self.acme.of("/newAccount")), 1)

    def test_asked_again(self) -> None:
        """After an error the directory and the account are asked for again: the server may have forgotten them."""
        self.script["/newOrder"].insert(0, problem("serverInternal", 500))
        self.assertRaises(AcmeRefused, self.server.order, NAME)
        self.assertEqual(self.server.order(NAME), self.place)
        self.assertEqual((len(self.acme.of("/dir")), len(self.acme.of("/newAccount"))), (2, 2))


class NewOrderTests(AcmeServerCase):
    def test_order(self) -> None:
        """An order is for one name, and known by its URL."""
        self.assertEqual(self.server.order("*.example.com"), self.place)
        self.assertEqual(self.payloads("/newOrder"), [{"identifiers": [{"type": "dns", "value": "*.example.com"}]}])

    def test_no_place(self) -> None:
        """A server that does not say where the order is has answered nothing."""
        self.script["/newOrder"] = [Scripted({"status": "pending"}, 201)]
        with self.assertRaisesRegex(AcmeUnavailable, "did not say where it is"):
            self.server.order(NAME)

    def test_limited(self) -> None:
        """A rate limit is one line with the server's own words, and the pause that it asks for."""
        self.script["/newOrder"] = [problem("rateLimited", 429, "too many\ncertificates", Retry_After="7200")]
        error = self.assertRaises(AcmeRefused, self.server.order, NAME)
        self.assertEqual((error.code, error.retry_after), ("rateLimited", 7200.0))
        self.assertIn("too many", str(error))
        self.assertNotIn("\n", str(error))

    def test_replaces(self) -> None:
        """The certificate that is replaced is named where the server says when to renew, and nowhere else."""
        self.server.order(NAME, "aa.bb")
        self.renewals()
        self.made().order(NAME, "aa.bb")
        self.assertEqual([payload.get("replaces") for payload in self.payloads("/newOrder")], [None, "aa.bb"])

    def test_replaced_already(self) -> None:
        """If that certificate cannot be replaced the order is made without it, whatever status the server gives."""
        for refusal in (
            problem("alreadyReplaced", 409),
            problem("alreadyReplaced", 400),
            problem("malformed"),
            problem("unauthorized", 403, "the account did not request the certificate being replaced"),
            Scripted(b"", 404),
            Scripted(b"", 409),
            Scripted([], 409),
        ):
            self.acme.asked.clear()
            self.renewals()
            self.script["/newOrder"].insert(0, refusal)
            self.assertEqual(self.server.order(NAME, "aa.bb"), self.place, refusal)
            self.assertEqual([payload.get("replaces") for payload in self.payloads("/newOrder")], ["aa.bb", None])

    def test_refused_all_the_same(self) -> None:
        """A refusal for another reason, or of a first certificate, is not tried again at once."""
        self.renewals()
        self.script["/newOrder"] = [problem("rejectedIdentifier", 403)]
        self.assertRaises(AcmeRefused, self.server.order, NAME, "aa.bb")
        self.script["/newOrder"] = [problem("malformed")]
        self.assertRaises(AcmeRefused, self.server.order, NAME)
        self.assertEqual(len(self.acme.of("/newOrder")), 2)


class LookTests(AcmeServerCase):
    def test_http(self) -> None:
        """A name is proved over HTTP, also where the server offers other ways; nothing but a signature is sent."""
        expected = Challenge(f"{self.acme.base}/{HTTP}", HTTP, NAME)
        self.assertEqual(self.server.look(self.place), OrderStatus("pending", (expected,)))
        self.assertEqual((self.payloads("/order"), self.payloads("/authz")), ([""], [""]))

    def test_wildcard(self) -> None:
        """A wildcard is proved by a text record: the digest of the token and of this account's key."""
        self.script["/authz"] = [authorization(challenge(HTTP), challenge(DNS), name="example.com", wildcard=True)]
        digest = hashlib.sha256(f"{TOKEN}.{KEY.thumbprint}".encode()).digest()
        (found,) = self.server.look(self.place).challenges
        self.assertEqual(
            (found.kind, found.host_name, found.value), (DNS, "example.com", b64.b64encode(digest).decode())
        )

    def test_proved(self) -> None:
        """A name that is proved already needs no answer."""
        self.script["/authz"] = [authorization(status="valid")]
        self.assertEqual(self.server.look(self.place), OrderStatus("pending"))

    def test_answered(self) -> None:
        """A challenge that the server validates is known as answered."""
        self.script["/authz"] = [authorization(challenge(HTTP, "processing"))]
        (found,) = self.server.look(self.place).challenges
        self.assertTrue(found.answered)

    def test_none(self) -> None:
        """A server that offers no way that is possible here gets no answer."""
        self.script["/authz"] = [authorization(challenge(DNS))]
        with self.assertRaisesRegex(OrderLost, f"offers no challenge {HTTP} for {NAME}"):
            self.server.look(self.place)

    def test_further(self) -> None:
        """Of an order that came further only the status is read."""
        self.script["/order"] = [order("ready")]
        self.assertEqual(self.server.look(self.place), OrderStatus("ready"))
        self.assertEqual(self.acme.of("/authz"), [])

    def test_forgotten(self) -> None:
        """An order that the server does not know, or not as ours, is lost; one that it cannot show now is not."""
        for answer in (Scripted(b"", 404), problem("malformed", 404), problem("unauthorized", 403)):
            self.script["/order"] = [answer]
            self.assertRaises(OrderLost, self.server.look, self.place)
        self.script["/order"] = [problem("rateLimited", 429, Retry_After="60")]
        error = self.assertRaises(AcmeRefused, self.server.look, self.place)
        self.assertEqual((isinstance(error, OrderLost), error.retry_after), (False, 60.0))

    def test_invalid(self) -> None:
        """An order that came to nothing is lost, with the reason of its challenge, or its own, if there is one."""
        said = {"type": "urn:ietf:params:acme:error:connection", "detail": "nobody listens"}
        self.script["/authz"] = [authorization(challenge(DNS), challenge(HTTP, "invalid", error=said))]
        self.script["/order"] = [order("invalid")]
        error = self.assertRaises(OrderLost, self.server.look, self.place)
        self.assertEqual(error.code, "connection")
        self.assertIn("nobody listens", str(error))
        self.script["/authz"] = [authorization(challenge(HTTP))]
        self.script["/order"] = [order("invalid", error=said | {"detail": "no permission by CAA"})]
        self.assertIn("CAA", str(self.assertRaises(OrderLost, self.server.look, self.place)))
        self.script["/order"] = [order("invalid")]
        self.assertIn("came to nothing", str(self.assertRaises(OrderLost, self.server.look, self.place)))

    def test_lost_without_reason(self) -> None:
        """An order that came to nothing is lost also where the server has forgotten its parts, or they expired."""
        self.script["/order"] = [order("invalid", error={"type": "about:blank", "detail": "no permission by CAA"})]
        for forgotten in (
            problem("notFound", 404, "Expired authorization"),
            problem("serverInternal", 500),
            authorization(challenge(HTTP), status="expired"),
            authorization({"type": HTTP, "status": "odd"}),
            Scripted([]),
        ):
            self.script["/authz"] = [forgotten]
            self.assertIn("CAA", str(self.assertRaises(OrderLost, self.server.look, self.place)))

    def test_cannot_be_proved(self) -> None:
        """So is one that waits for a proof which the server does not take any more."""
        for authz in (
            problem("malformed", 404, "Expired authorization"),
            *(authorization(challenge(HTTP), status=status) for status in ("expired", "deactivated", "invalid")),
        ):
            self.script["/authz"] = [authz]
            self.assertRaises(OrderLost, self.server.look, self.place)
        self.script["/authz"] = [problem("serverInternal", 500)]
        error = self.assertRaises(AcmeRefused, self.server.look, self.place)
        self.assertNotIsInstance(error, OrderLost)


class AnswerTests(AcmeServerCase):
    def test_answer(self) -> None:
        """The server is notified once of each challenge, and polled ever more seldom until it has validated it."""
        found = Challenge(f"{self.acme.base}/{HTTP}", HTTP, NAME)
        self.script[f"/{HTTP}"] = [Scripted(challenge(HTTP, "processing"))]
        self.script["/order"] = [*[order("pending")] * 9, order("ready")]
        self.server.answer(self.place, [found, Challenge("{base}/other", HTTP, NAME, answered=True)], 60.0)
        self.assertEqual([payload for payload in self.payloads(f"/{HTTP}")], [{}])
        self.assertEqual(self.acme.of("/other"), [])
        self.assertEqual(self.slept, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0])

    def test_pause(self) -> None:
        """The pause is the server's, if it names one, as long as that is no longer than usual."""
        pauses = [order("pending"), order("pending"), order("ready")]
        pauses[0].headers["Retry-After"], pauses[1].headers["Retry-After"] = "3", "86400"
        self.script["/order"] = pauses
        self.server.answer(self.place, [], 60.0)
        self.assertEqual(self.slept, [0.1, 3.0, 10.0])

    def test_too_long(self) -> None:
        """A server that does not come to an end is not waited for longer than was said."""
        with self.assertRaisesRegex(AcmeUnavailable, "did not come to an end of the order in time"):
            self.server.answer(self.place, [], 2.0)
        self.assertLessEqual(sum(self.slept), 2.0)

    def test_failed(self) -> None:
        """An order that comes to nothing while it is waited for is lost."""
        self.script["/order"] = [order("pending"), order("invalid")]
        self.assertRaises(OrderLost, self.server.answer, self.place, [], 60.0)


class FinishTests(AcmeServerCase):
    def finish(self, *orders: Scripted) -> bytes:
        self.script["/order"] = list(orders)
        self.script["/finalize"] = [order("processing")]
        self.script["/certificate"] = [Scripted(CHAIN, kind="application/pem-certificate-chain")]
        return self.server.finish(self.place, KEY.request(NAME), 60.0)

    def test_finish(self) -> None:
        """An order that is ready gets its request once, and its certificate when the server has it."""
        valid = order("valid", certificate="{base}/certificate")
        self.assertEqual(self.finish(order("ready"), order("processing"), valid), CHAIN)
        (sent,) = self.payloads("/finalize")
        self.assertEqual(list(sent), ["csr"])
        self.assertEqual(len(self.slept), 2)

    def test_issued(self) -> None:
        """A certificate that was issued before is only read; so is one that is being issued."""
        valid = order("valid", certificate="{base}/certificate")
        self.assertEqual(self.finish(valid), CHAIN)
        self.assertEqual(self.finish(order("processing"), valid), CHAIN)
        self.assertEqual(self.acme.of("/finalize"), [])

    def test_nothing(self) -> None:
        """An order that ends without a certificate is lost."""
        with self.assertRaisesRegex(OrderLost, "ended as valid without a certificate"):
            self.finish(order("valid"))

    def test_certificate_forgotten(self) -> None:
        """So is one whose certificate the server does not have any more."""
        self.script["/order"] = [order("valid", certificate="{base}/certificate")]
        self.script["/certificate"] = [problem("malformed", 404, "Certificate not found")]
        self.assertRaises(OrderLost, self.server.finish, self.place, KEY.request(NAME), 60.0)


class RenewalTests(AcmeServerCase):
    def window(self, answer: Scripted) -> RenewalWindow | None:
        self.renewals()
        self.script["/renewalInfo/aa.bb"] = [answer]
        return self.server.renewal("aa.bb")

    def test_window(self) -> None:
        """The server says when it wants a certificate to be renewed, and when to ask again."""
        times = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}
        found = self.window(Scripted({"suggestedWindow": times}, headers={"Retry-After": "21600"}))
        self.assertEqual(found, RenewalWindow(1767225600.0, 1767312000.0, 21600.0))

    def test_unasked(self) -> None:
        """A server that says no such things is not asked."""
        self.assertIsNone(self.server.renewal("aa.bb"))
        self.assertEqual({urlsplit(asked.path).path for asked in self.acme.asked}, {"/dir", "/newAccount", "/newNonce"})

    def test_garbage(self) -> None:
        """A window that is none is an answer that cannot be read."""
        garbage: tuple[object, ...] = ({}, {"suggestedWindow": {"start": "soon"}}, [1])
        for content in garbage:
            with self.assertRaisesRegex(AcmeUnavailable, "cannot be read"):
                self.window(Scripted(content))

    def test_unknown(self) -> None:
        """A certificate that the server does not know has no window."""
        with self.assertRaisesRegex(AcmeRefused, "does not know what it was asked for"):
            self.window(Scripted(b"", 404))


class GarbageTests(AcmeServerCase):
    def test_directory(self) -> None:
        """A directory that is none, or lacks a place, is one line that says so."""
        for content, said in (
            (b"<html>", "something that is no JSON"),
            (b"[1]", "cannot be read"),
            (b"{}", "cannot be read"),
            (b'{"newNonce": 5}', "cannot be read"),
        ):
            self.script["/dir"] = [Scripted(content)]
            with self.assertRaisesRegex(AcmeUnavailable, said):
                self.server.order(NAME)

    def test_order(self) -> None:
        """So is an order of unknown status, or without its members."""
        garbage: tuple[object, ...] = ([], {"status": "odd"}, {"status": 5}, {"status": "pending", "authorizations": 5})
        for content in garbage:
            self.script["/order"] = [Scripted(content)]
            with self.assertRaisesRegex(AcmeUnavailable, "cannot be read"):
                self.server.look(self.place)
