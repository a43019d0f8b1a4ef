"""The credentials for registries, from files that people and other programs wrote."""

from __future__ import annotations

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

    def test_empty(self) -> None:
        """An entry with an empty text has no credentials, as for Docker's own command line."""
        self.configure('{"auths": {"registry.invalid": {"auth": ""}, "other.invalid": {"auth": "YW5uOnNlY3JldA=="}}}')
        self.engine.pull("registry.invalid/team/web:1")
        self.assertNotIn("X-Registry-Auth", self.server.asked[-1].headers)
        self.engine.pull("other.invalid/web:1")
        self.assertIn("X-Registry-Auth", self.server.asked[-1].headers)
