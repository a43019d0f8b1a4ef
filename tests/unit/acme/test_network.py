"""HTTP to an ACME server: nonces, sizes and times of answers, and one line for each way in which it fails."""

from __future__ import annotations

import ssl
import tempfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

from josepy.jwk import JWKEC
from requests import Response
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.acme.keys import SigningKey
from daprdockr.acme.network import LONGEST_TEXT, MOST_BYTES, MOST_NONCES, MOST_REDIRECTS, AcmeNetwork, wanted_pause
from daprdockr.model.errors import AcmeRefused, AcmeUnavailable
from tests.build.pairs import self_signed
from tests.build.ports import free_port
from tests.fakes.acme_http import Asked, Scripted, ScriptedAcme, problem

_LOADED = JWKEC.load(SigningKey.generate().pem)
assert isinstance(_LOADED, JWKEC)
KEY: JWKEC = _LOADED


class Silent(ScriptedAcme):
    """It takes each request, and answers when all is over."""

    def answer(self, asked: Asked) -> tuple[Scripted, str]:
        self.over.wait()
        return super().answer(asked)


class Dripping(ScriptedAcme):
    """Its answers end in the middle of what they promise."""

    def answer(self, asked: Asked) -> tuple[Scripted, str]:
        answer, nonce = super().answer(asked)
        answer.headers["Content-Length"] = "100"
        return answer, nonce


class Taken(set[bytes]):
    """Nonces of which another thread takes the first one that is asked for."""

    def __init__(self, nonces: set[bytes], times: int) -> None:
        super().__init__(nonces)
        self._times = times

    def pop(self) -> bytes:
        self._times -= 1
        if self._times >= 0:
            raise KeyError("pop from an empty set")
        return super().pop()


class NetworkTests(SynchronousTestCase):
    def network(self, silence: float = 5.0, ca: Path | None = None) -> AcmeNetwork:
        return AcmeNetwork(KEY, ca, silence)

    def acme(self, kind: type[ScriptedAcme] = ScriptedAcme) -> ScriptedAcme:
        acme = kind()
        self.addCleanup(acme.close)
        return acme

    def post(self, acme: ScriptedAcme) -> Response:
        return self.network().post(f"{acme.base}/x", None, new_nonce_url=f"{acme.base}/newNonce")

    def test_bad_nonces(self) -> None:
        """A request whose nonce did not count is signed anew with the nonce of the answer, and goes through."""
        acme = self.acme()
        acme.script["/x"] = [*[problem("badNonce")] * (MOST_NONCES - 1), Scripted({"x": 1})]
        self.assertEqual(self.post(acme).json(), {"x": 1})
        nonces = [asked.protected["nonce"] for asked in acme.of("/x")]
        self.assertEqual((len(set(nonces)), len(nonces)), (MOST_NONCES, MOST_NONCES))

    def test_no_good_nonce(self) -> None:
        """A server that counts no nonce is asked so often and not oftener."""
        acme = self.acme()
        acme.script["/x"] = [problem("badNonce")]
        self.assertEqual(self.assertRaises(AcmeRefused, self.post, acme).code, "badNonce")
        self.assertEqual(len(acme.of("/x")), MOST_NONCES)

    def test_nonces_of_yesterday(self) -> None:
        """Many nonces that were kept for so long that none counts any more cost one refusal."""
        acme, network = self.acme(), self.network()
        network._nonces = Taken({b"old%d" % number for number in range(3 * MOST_NONCES)}, 0)  # type: ignore[assignment]
        acme.script["/x"] = [problem("badNonce"), Scripted({"x": 1})]
        network.post(f"{acme.base}/x", None, new_nonce_url=f"{acme.base}/newNonce")
        self.assertEqual((len(acme.of("/newNonce")), len(network._nonces)), (1, 1))

    def test_no_nonce(self) -> None:
        """A server without nonces, or with one that is none, is no ACME server."""
        for answer in (Scripted(nonce=False), Scripted(nonce=False, headers={"Replay-Nonce": "A"})):
            acme = self.acme()
            acme.script["/newNonce"] = [answer]
            with self.assertRaisesRegex(AcmeUnavailable, "sent no nonce"):
                self.post(acme)

    def taken(self, times: int) -> str:
        """The nonce that is had while another thread takes so many."""
        network = self.network()
        network._nonces = Taken({b"one", b"two"}, times)  # type: ignore[assignment]  # octets, whatever it declares
        return network._get_nonce("https://ca.test/", "https://ca.test/nonce")

    def test_taken(self) -> None:
        """A nonce that another order took meanwhile costs no attempt; one that never is there ends as an error."""
        self.assertIn(self.taken(3), (b"one", b"two"))
        self.assertRaises(AcmeUnavailable, self.taken, 100)

    def test_long_reason(self) -> None:
        """The words of a server are cut, and what has none is said to have none."""
        acme = self.acme()
        acme.script["/x"] = [problem("malformed", 400, "x" * 5000)]
        self.assertLess(len(str(self.assertRaises(AcmeRefused, self.post, acme))), LONGEST_TEXT + 100)
        acme.script["/x"] = [Scripted({"type": "about:blank", "title": "Gone"}, 400)]
        self.assertIn("(no known reason): Gone", str(self.assertRaises(AcmeRefused, self.post, acme)))
        acme.script["/x"] = [Scripted({}, 400)]
        self.assertIn("it gave no reason", str(self.assertRaises(AcmeRefused, self.post, acme)))

    def test_status(self) -> None:
        """An error page is reported by its status, with the pause that it asks for."""
        acme = self.acme()
        acme.script["/x"] = [Scripted(b"<html>", 503, {"Retry-After": "120"})]
        error = self.assertRaises(AcmeUnavailable, self.post, acme)
        self.assertEqual((str(error), error.retry_after), ("the ACME server answered with status 503", 120.0))

    def test_too_much(self) -> None:
        """An answer that does not end is not read to its end."""
        acme = self.acme()
        acme.script["/x"] = [Scripted(b"x" * (MOST_BYTES + 70_000))]
        with self.assertRaisesRegex(AcmeUnavailable, "sends more than an answer has"):
            self.network().get(f"{acme.base}/x")

    def test_redirect_without_end(self) -> None:
        """An answer that leads elsewhere has no more octets than any other."""
        acme = self.acme()
        acme.script["/x"] = [Scripted(b"x" * (MOST_BYTES + 70_000), 302, {"Location": "{base}/y"})]
        acme.script["/y"] = [Scripted({"y": 1})]
        with self.assertRaisesRegex(AcmeUnavailable, "sends more than an answer has"):
            self.network().get(f"{acme.base}/x")
        self.assertEqual(acme.of("/y"), [])

    def test_redirects(self) -> None:
        """A server that has moved is found, and one that leads on and on is given up."""
        acme = self.acme()
        acme.script["/x"] = [Scripted(b"", 302, {"Location": "{base}/y"})]
        acme.script["/y"] = [Scripted({"y": 1})]
        self.assertEqual(self.network().get(f"{acme.base}/x").json(), {"y": 1})
        acme.script["/y"] = [Scripted(b"", 302, {"Location": "{base}/x"})]
        with self.assertRaisesRegex(AcmeUnavailable, "cannot be reached: Exceeded"):
            self.network().get(f"{acme.base}/x")
        self.assertLessEqual(len(acme.asked), MOST_REDIRECTS + 3)

    def test_cut_off(self) -> None:
        """An answer that is cut off is none."""
        acme = self.acme(Dripping)
        acme.script["/x"] = [Scripted(b"{")]
        with self.assertRaisesRegex(AcmeUnavailable, "cannot be reached"):
            self.network().get(f"{acme.base}/x")

    def test_silent(self) -> None:
        """A server that takes a request and says nothing costs the time of one answer."""
        with self.assertRaisesRegex(AcmeUnavailable, r"did not answer within 0.2 s"):
            self.network(0.2).get(self.acme(Silent).base)

    def test_nobody(self) -> None:
        """A server that is not there is one line."""
        with self.assertRaisesRegex(AcmeUnavailable, "cannot be reached"):
            self.network().get(f"http://127.0.0.1:{free_port()}/dir")

    def test_pauses(self) -> None:
        """A pause is a number of seconds, or until a date by the server's clock; whatever else is there is none."""
        date = "Wed, 21 Oct 2026 07:28:00 GMT"
        for text, now, seconds in (
            ("0", date, 0),
            ("90", date, 90),
            ("-1", date, 0),
            ("9" * 20, date, 0),
            ("\N{ARABIC-INDIC DIGIT THREE}", date, 0),
            (date, "Wed, 21 Oct 2026 06:28:00 GMT", 3600),
            (date, "Wed, 21 Oct 2026 08:28:00 GMT", 0),
            (date, "Wed, 21 Oct 2026 06:28:00", 0),
            (date, "", 0),
            ("soon", date, 0),
        ):
            answer = Response()
            answer.headers.update({"Retry-After": text, "Date": now})
            self.assertEqual(wanted_pause(answer), seconds, (text, now))


class Fine(BaseHTTPRequestHandler):
    """It answers each request with an empty object."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class TrustTests(SynchronousTestCase):
    def setUp(self) -> None:
        """A server with a pair that signs itself."""
        pair, folder = self_signed(("localhost",)), Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.ca, key = folder / "ca.pem", folder / "key.pem"
        self.ca.write_text(pair.chain)
        key.write_text(pair.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        server = HTTPServer(("127.0.0.1", 0), Fine)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        for end in (thread.join, server.server_close, server.shutdown):
            self.addCleanup(end)
        self.url = f"https://localhost:{server.server_address[1]}/dir"

    def test_not_trusted(self) -> None:
        """A server whose certificate this host does not trust is reported as such, and asked nothing."""
        with self.assertRaisesRegex(AcmeUnavailable, "is not trusted"):
            AcmeNetwork(KEY, None, 5.0).get(self.url)

    def test_trusted(self) -> None:
        """A server is trusted by the file that was given."""
        self.assertEqual(AcmeNetwork(KEY, self.ca, 5.0).get(self.url).json(), {})
