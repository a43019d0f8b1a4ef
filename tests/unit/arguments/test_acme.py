"""The options for automatic certificates."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.arguments.acme import LETS_ENCRYPT, STAGING, Acme, read_acme
from daprdockr.model.errors import BadInput

EMAIL = {"acme-email": "anna@example.com"}


class AcmeOptionTests(SynchronousTestCase):
    def file(self, content: bytes) -> str:
        path = Path(self.mktemp())
        path.write_bytes(content)
        return str(path)

    def test_off(self) -> None:
        """Without an address nothing is ordered."""
        self.assertIsNone(read_acme({}))

    def test_lets_encrypt(self) -> None:
        """An address is enough: new names are tried at the staging directory of Let's Encrypt first."""
        self.assertEqual(read_acme(EMAIL), Acme("anna@example.com", LETS_ENCRYPT, STAGING))
        self.assertEqual(read_acme({**EMAIL, "acme-staging": "none"}), Acme("anna@example.com"))

    def test_other_server(self) -> None:
        """Another server has no staging directory unless one is named; its CA and a binding are files."""
        ca, binding = self.file(b""), self.file(b"kid-1 abcdefghijklmnop_-\n")
        given = {**EMAIL, "acme-directory": "https://ca.test/dir", "acme-ca": ca, "acme-binding": binding}
        bound = ("kid-1", "abcdefghijklmnop_-")
        found = Acme("anna@example.com", "https://ca.test/dir", "", Path(ca).absolute(), bound)
        self.assertEqual(read_acme(given), found)

    def test_zone(self) -> None:
        """The challenge zone is a host name, in its one spelling."""
        found = read_acme({**EMAIL, "acme-zone": "ACME.example.com."})
        assert found is not None
        self.assertEqual(found.zone, "acme.example.com")

    def test_refused(self) -> None:
        """A value that cannot be used is one line that names the option."""
        for given in (
            {"acme-email": "anna"},
            {"acme-email": "a@b.c,d@e.f"},
            {"acme-email": ""},
            {**EMAIL, "acme-directory": "ca.test"},
            {**EMAIL, "acme-staging": "https://ca.test/a b"},
            {**EMAIL, "acme-ca": "/no/such/file"},
            {**EMAIL, "acme-binding": self.file(b"kid alone is too short")},
            {**EMAIL, "acme-zone": "acme.container"},
            {"acme-zone": "acme.example.com"},
            {"acme-ca": "/no/such/file"},
            {"acme-directory": "https://ca.test/dir"},
        ):
            option = next(name for name in (*given, "") if name not in EMAIL or len(given) == 1)
            self.assertIn(f"--{option}", str(self.assertRaises(BadInput, read_acme, given)))
