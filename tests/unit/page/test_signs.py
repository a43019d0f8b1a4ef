"""Which sign a row gets, and the words beside it."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.page.signs import Sign, of_certificate, of_instance, of_node, of_service
from daprdockr.picture.certificates import SOON
from tests.build.page import nodes, seen


class InstanceSignTests(SynchronousTestCase):
    def sign(self, state: str, healthy: bool = False, current: bool = True, reason: str = "") -> tuple[Sign, str]:
        badge = of_instance({"State": state, "Healthy": healthy, "Current": current, "Reason": reason})
        return badge.sign, badge.words

    def test_running(self) -> None:
        """An instance that is healthy and current is well; one that is not yet so is under way."""
        self.assertEqual(self.sign("running", True), (Sign.OK, "healthy"))
        self.assertEqual(self.sign("running"), (Sign.BUSY, "running, not healthy yet"))
        self.assertEqual(self.sign("running", True, False), (Sign.BUSY, "healthy, of an older definition"))

    def test_others(self) -> None:
        """Each other state has its sign; an image that cannot be pulled is worse than one that is being pulled."""
        expected = {
            "starting": Sign.BUSY,
            "pulling": Sign.BUSY,
            "unhealthy": Sign.BAD,
            "backing-off": Sign.BAD,
            "withdrawn": Sign.IDLE,
            "waiting": Sign.WARN,
            "unheard of": Sign.BUSY,
        }
        self.assertEqual({state: self.sign(state)[0] for state in expected}, expected)
        self.assertEqual(self.sign("pulling", reason="not found"), (Sign.BAD, "cannot pull its image"))


class NodeSignTests(SynchronousTestCase):
    def words(self, **changed: Any) -> tuple[Sign, str]:
        (row,) = seen(*nodes(["a"])).nodes
        badge = of_node({**row, **changed})
        return badge.sign, badge.words

    def test_well(self) -> None:
        """A node that takes what there is."""
        self.assertEqual(self.words(), (Sign.OK, "ready"))

    def test_unwell(self) -> None:
        """The worst reason names the sign."""
        for changed, sign, words in (
            ({"Doubts": "etcd is another one", "Ready": False}, Sign.BAD, "frozen"),
            ({"Refused": "may not write"}, Sign.BAD, "can start nothing"),
            ({"Clash": "has the address of b"}, Sign.BAD, "can start nothing"),
            ({"Trouble": "no disk"}, Sign.BAD, "can start nothing"),
            ({"Ready": False}, Sign.BAD, "not ready"),
            ({"Draining": True, "Cordoned": True}, Sign.WARN, "draining"),
            ({"Cordoned": True}, Sign.WARN, "cordoned"),
            ({"Fails": ["web.myapp"]}, Sign.WARN, "ready, with limits"),
            ({"Ailing": {"http": "nginx does not run"}}, Sign.WARN, "ready, in trouble"),
        ):
            self.assertEqual(self.words(**changed), (sign, words))


class ServiceSignTests(SynchronousTestCase):
    def words(self, wanted: int = 2, healthy: int = 2, current: int = 2, **changed: Any) -> tuple[Sign, str]:
        row: dict[str, Any] = {"Wanted": wanted, "Healthy": healthy, "Current": current, "Running": healthy}
        row |= {"Rollout": None, "Paused": None, "Schedule": None, "LastRun": None, "Taken": [], "Reason": ""}
        badge = of_service({**row, **changed})
        return badge.sign, badge.words

    def test_words(self) -> None:
        """From well to down, a rollout that stopped and a pause included."""
        self.assertEqual(self.words(), (Sign.OK, "healthy"))
        self.assertEqual(self.words(0, 0, 0), (Sign.IDLE, "scaled to none"))
        self.assertEqual(self.words(2, 2, 1), (Sign.BUSY, "rolling out"))
        self.assertEqual(self.words(2, 1, 1), (Sign.WARN, "1 missing"))
        self.assertEqual(self.words(2, 0, 0), (Sign.BAD, "down"))
        self.assertEqual(self.words(Rollout={"State": "reverted"}), (Sign.BAD, "rollout reverted"))
        self.assertEqual(self.words(Paused={"Mode": "hold"}), (Sign.WARN, "paused"))
        taken: dict[str, Any] = {
            "Taken": ["port 5432/tcp belongs to db.myapp"],
            "Reason": "port 5432/tcp belongs to db.myapp",
        }
        self.assertEqual(self.words(**taken), (Sign.WARN, "lacks a port or host name"))
        self.assertEqual(self.words(2, 1, 1, **taken), (Sign.WARN, "1 missing"))
        self.assertEqual(self.words(0, 0, 0, Schedule="0 3 * * * UTC", **taken)[1], "lacks a port or host name")
        self.assertEqual(self.words(Paused={"Mode": "maintenance"}), (Sign.WARN, "under maintenance"))

    def test_job(self) -> None:
        """A job has no instances; it is well unless its last run was not."""
        job = {"Schedule": "0 3 * * * UTC"}
        self.assertEqual(self.words(0, 0, 0, Reason="", **job), (Sign.OK, "job"))
        for state, sign, words in (
            ("lost", Sign.WARN, "last run did not end well"),
            ("waiting", Sign.BUSY, "run waits"),
            ("done", Sign.OK, "job"),
        ):
            found = self.words(0, 0, 0, LastRun=state, Reason=f"run 3 is {state}: some reason", **job)
            self.assertEqual(found, (sign, words))


class CertificateSignTests(SynchronousTestCase):
    def test_words(self) -> None:
        """By the days that are left, and by what became of its renewal."""
        for left, error, sign, words in (
            (60, "", Sign.OK, "valid"),
            (13, "", Sign.WARN, "ends soon"),
            (13, "refused", Sign.WARN, "ends soon"),
            (60, "refused", Sign.WARN, "not renewed"),
            (-1, "refused", Sign.BAD, "has ended"),
            (None, "", Sign.BUSY, "none yet"),
            (None, "refused", Sign.BAD, "cannot be had"),
        ):
            soon = left is not None and left < SOON
            row = {"Source": "acme", "DaysLeft": left, "EndsSoon": soon, "LastError": error, "Needed": True}
            badge = of_certificate({**row, "Nodes": []})
            self.assertEqual((badge.sign, badge.words), (sign, words))

    def test_of_no_use(self) -> None:
        """Nodes have it, and cannot use it."""
        row = {"Source": "file", "DaysLeft": None, "EndsSoon": False, "LastError": "it is no PEM", "Needed": True}
        badge = of_certificate({**row, "Nodes": ["a"]})
        self.assertEqual((badge.sign, badge.words), (Sign.BAD, "of no use"))

    def test_missing(self) -> None:
        """A host name that clients are led to has none, and nobody gets one for it."""
        badge = of_certificate({"Source": "", "DaysLeft": None, "LastError": "clients are warned", "Needed": True})
        self.assertEqual((badge.sign, badge.words), (Sign.BAD, "missing"))

    def test_not_needed(self) -> None:
        """One that no service needs is not renewed, so nothing is wrong with it when it ends."""
        for left in (60, 13, -1):
            badge = of_certificate({"DaysLeft": left, "LastError": "", "Needed": False})
            self.assertEqual((badge.sign, badge.words), (Sign.IDLE, "not needed"))


class SignTests(SynchronousTestCase):
    def test_not_by_colour_alone(self) -> None:
        """Each sign has a glyph of its own, beside its colour."""
        self.assertEqual(len({sign.value for sign in Sign}), len(Sign))
