"""A trouble that every poll finds is logged when it begins, changes and ends."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.runtime.logged_once import LoggedOnce


class LoggedOnceTests(SynchronousTestCase):
    """The lines that are logged for a sequence of polls."""

    def setUp(self) -> None:
        self.logged: list[str] = []
        self.once = LoggedOnce(self.logged.append, lambda: self.logged.append("over"))

    def poll(self, *found: str) -> list[bool]:
        return [self.once.found(trouble) for trouble in found]

    def test_once(self) -> None:
        """One that lasts is logged once, and so is its end."""
        self.assertEqual(self.poll("", "no", "no", "no", "", ""), [False, True, False, False, True, False])
        self.assertEqual((self.logged, self.once.trouble), (["no", "over"], ""))

    def test_another(self) -> None:
        """One that becomes another is logged anew, and one that comes back is, too."""
        self.poll("no", "never", "", "no")
        self.assertEqual((self.logged, self.once.trouble), (["no", "never", "over", "no"], "no"))

    def test_silent_end(self) -> None:
        """An end that nobody needs to know is not logged."""
        once = LoggedOnce(self.logged.append)
        self.assertEqual(([once.found("no"), once.found("")], self.logged), ([True, True], ["no"]))
