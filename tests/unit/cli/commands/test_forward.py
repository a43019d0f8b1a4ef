"""``forward``: its word."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.commands.forward import ForwardWish
from daprdockr.cli.parse import read_request
from daprdockr.model.errors import BadInput
from daprdockr.model.session import ForwardAsked
from tests.build.values import instance


class WordTests(SynchronousTestCase):
    def test_read(self) -> None:
        """Loopback unless another address is named, which may be IPv6."""
        asked = ForwardAsked(instance(1), 80)
        for text, address, port in (
            ("8080:1.web.myapp:80", "127.0.0.1", 8080),
            ("0:1.web.myapp:80", "127.0.0.1", 0),
            ("0.0.0.0:8080:1.web.myapp:80", "0.0.0.0", 8080),
            ("[::1]:8080:1.web.myapp:80", "::1", 8080),
        ):
            self.assertEqual(ForwardWish.parse(text), ForwardWish(address, port, asked))

    def test_refused(self) -> None:
        """Anything else is one line."""
        for text in (
            "8080",
            "1.web.myapp:80",
            "8080:web.myapp:80",
            "8080:1.web.myapp:0",
            "70000:1.web.myapp:80",
            "x:1:1.web.myapp:80",
        ):
            self.assertRaises(BadInput, ForwardWish.parse, text)
        self.assertRaises(BadInput, read_request, ["forward"], {})
        self.assertRaises(BadInput, read_request, ["forward", "1:1.web.myapp:1", "2:1.web.myapp:2"], {})
