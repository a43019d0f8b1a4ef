"""``invite ls`` and ``invite rm``: invitations are known, and taken back."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.etcd_member import HostPart
from daprdockr.model.joining import JoinToken
from daprdockr.model.session import token_digest
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.token import TokenRecord
from tests.build.values import KEYS
from tests.fakes.command_line import LentStore, Outcome, command_line


class InvitationsTests(SynchronousTestCase):
    """Two invitations of node ``a``, and something else in their place."""

    def setUp(self) -> None:
        self.store = LentStore()
        self.state = Path(self.mktemp()).absolute()
        ClusterFiles(self.state).write(
            ClusterFiles(self.state).host, HostPart("a", "10.0.0.1", ("a=x",), "5f").encode()
        )
        record = NodeRecord(("10.0.0.1",), peer="10.0.0.1:5081", fingerprint="ab" * 32)
        self.store.put(KEYS.node("a"), record.encode(), self.store.lease)
        self.tokens = [JoinToken.parse(self.invite().stdout.split()[-1]) for _ in range(2)]
        self.digests = [token_digest(token.secret) for token in self.tokens]
        self.store.put(KEYS.invitation("0000"), b"{}")

    def invite(self, *words: str, status: int = 0) -> Outcome:
        done = command_line(self.store, "invite", *words, "-state-dir", str(self.state))
        self.assertEqual(done.status, status, done.stderr)
        self.assertLessEqual(done.stderr.count("\n"), 1)
        return done

    def left(self) -> list[str]:
        place = KEYS.invitation("")
        return sorted(entry.key.removeprefix(place) for entry in self.store.list(place).entries)

    def test_listed(self) -> None:
        """Each has an id, its node, its time and its author, and never its token."""
        done = self.invite("ls", "-o", "json")
        self.assertEqual({row["Id"] for row in done.json}, {digest[:12] for digest in self.digests})
        for row in done.json:
            self.assertEqual((row["Node"], row["Time"] > 1e9, "@" in row["By"]), ("a", True, True))
        shown = self.invite("ls").stdout
        self.assertEqual(shown.splitlines()[0].split(), ["ID", "NODE", "TIME", "BY"])
        for token in self.tokens:
            self.assertNotIn(token.secret, done.stdout + shown)
            self.assertNotIn(str(token), done.stdout + shown)

    def test_taken_back(self) -> None:
        """By some digits or by the token that one is gone, an event says so, and the other still counts."""
        first, second = self.digests
        self.assertIn(f"taken back: {first[:12]}. Hosts that have joined stay", self.invite("rm", first[:12]).stdout)
        self.assertEqual(self.left(), sorted(["0000", second]))
        events = [entry.value for entry in self.store.list(KEYS.events).entries]
        self.assertIn(f"invitation {first[:12]}".encode(), events[0])
        found = self.invite("rm", str(self.tokens[1]), "-o", "json").json
        self.assertEqual((found, self.left()), ({"TakenBack": [second[:12]]}, ["0000"]))

    def test_all(self) -> None:
        """All are taken back at once; that there is none is no failure."""
        self.assertEqual(len(self.invite("rm", "all", "-o", "json").json["TakenBack"]), 2)
        self.assertEqual((self.left(), self.invite("rm", "all").stdout), (["0000"], "there is no invitation\n"))

    def test_not_found(self) -> None:
        """An invitation that is gone, or never was, is not found; an id that is not clear, or no id, is refused."""
        self.invite("rm", self.digests[0])
        self.assertIn("its hour is over", self.invite("rm", self.digests[0], status=3).stderr)
        for unusable in ("abc", "ABCD12", "none", "djx"):
            self.invite("rm", unusable, status=1)
        alike = TokenRecord("a").encode()
        for digest in ("beef1", "beef2"):
            self.store.put(KEYS.invitation(digest), alike)
        self.assertIn("begins 2 invitations: give more digits", self.invite("rm", "beef", status=1).stderr)

    def test_usage(self) -> None:
        """An unknown action, or too few or too many words, are wrong usage."""
        for words in (("mv",), ("rm",), ("rm", "a", "b"), ("ls", "a")):
            self.invite(*words, status=2)

    def test_json(self) -> None:
        """The line itself, for a program."""
        self.assertTrue(self.invite("-o", "json").json["Line"].startswith("daprdockrcmd join dj"))
