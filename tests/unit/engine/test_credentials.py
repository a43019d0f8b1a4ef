"""The credentials for registries, from files that people and other programs wrote."""

from __future__ import annotations

import base64
import json
import os

from daprdockr.engine import credentials
from daprdockr.model.errors import PullFailed
from tests.build.adapter import AdapterCase

DAMAGED = (
    "[]",
    "null",
    '{"auths": ["registry.invalid"]}',
    '{"auths": {"registry.invalid": "ann:secret"}}',
    '{"auths": {"registry.invalid": {"auth": "YW5u"}}}',
    '{"auths": {"registry.invalid": {"auth": 5}}}',
    '{"auths": {"registry.invalid": {"auth": "\u00fc"}}}',
    '{"credsStore": "nowhere"}',
    '{"credsStore": 5}',
)


class CredentialsTests(AdapterCase):
    """See Note [Damaged credentials]."""

    def setUp(self) -> None:
        super().setUp()
        self.hold("a")
        self.server.answers["/images/create"] = (200, {"status": "done"})

    def configure(self, text: str) -> None:
        (self.directory / "config.json").write_text(text)

    def test_damaged(self) -> None:
        """A file that cannot be used hides no containers; a pull fails, and says why without what is in the file."""
        for text in DAMAGED:
            self.configure(text)
            self.engine._clients.lost()
            self.assertEqual([state.id for state in self.engine.containers()], ["a"], text)
            with self.assertRaises(PullFailed) as caught:
                self.engine.pull("registry.invalid/team/web:1")
            self.assertNotIn("secret", str(caught.exception))
            self.assertNotIn("object", str(caught.exception))

    def test_other_settings(self) -> None:
        """Other settings in the file, for the command line of Docker, are of no concern."""
        for text in ('{"proxies": []}', '{"proxies": {"default": null}}', '{"HttpHeaders": ["x"]}', "no JSON"):
            self.configure(text)
            self.engine._clients.lost()
            self.engine.pull("registry.invalid/team/web:1")
            self.assertEqual([state.id for state in self.engine.containers()], ["a"], text)

    def program(self, text: str) -> None:
        """Let Docker's configuration name a program for credentials."""
        path = self.directory / "docker-credential-x"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        self.set_environment("PATH", f"{self.directory}:{os.environ['PATH']}")
        self.configure('{"credsStore": "x"}')

    def test_program(self) -> None:
        """A program that the file names gives the credentials."""
        self.program("""echo '{"Username": "ann", "Secret": "secret"}'""")
        self.engine.pull("registry.invalid/team/web:1")
        shown = json.loads(base64.urlsafe_b64decode(self.server.asked[-1].headers["X-Registry-Auth"]))
        self.assertEqual((shown["Username"], shown["Password"]), ("ann", "secret"))

    def test_program_without_them(self) -> None:
        """Without credentials for this registry the image is pulled without any, and the program is asked once."""
        asked = self.directory / "asked"
        self.program(f"echo x >> {asked}; echo 'credentials not found in native keychain'; exit 1")
        self.engine.pull("registry.invalid/team/web:1")
        self.assertNotIn("X-Registry-Auth", self.server.asked[-1].headers)
        self.assertEqual(asked.read_text(), "x\n")

    def test_program_fails(self) -> None:
        """A program that says nothing usable, fails, cannot be run or never answers fails the pull."""
        for text, patience, said in (
            ("echo nonsense", 60.0, "docker-credential-x gave no credentials"),
            ("echo {}", 60.0, "docker-credential-x gave no credentials"),
            ("echo locked; exit 1", 60.0, "locked"),
            ("exec sleep 60", 0.5, "did not answer within 0.5 s"),
        ):
            self.program(text)
            self.patch(credentials, "PATIENCE", patience)
            with self.assertRaises(PullFailed) as caught:
                self.engine.pull("registry.invalid/team/web:1")
            self.assertIn(said, str(caught.exception))
        self.patch(credentials, "PATIENCE", 60.0)
        (self.directory / "docker-credential-x").write_text("#!/nowhere\n")
        with self.assertRaises(PullFailed) as caught:
            self.engine.pull("registry.invalid/team/web:1")
        self.assertIn("cannot be run", str(caught.exception))

    def test_empty(self) -> None:
        """An entry with an empty text has no credentials, as for Docker's own command line."""
        self.configure('{"auths": {"registry.invalid": {"auth": ""}, "other.invalid": {"auth": "YW5uOnNlY3JldA=="}}}')
        self.engine.pull("registry.invalid/team/web:1")
        self.assertNotIn("X-Registry-Auth", self.server.asked[-1].headers)
        self.engine.pull("other.invalid/web:1")
        self.assertIn("X-Registry-Auth", self.server.asked[-1].headers)
