"""When nothing starts on this host, counted over services."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.starts import Starts
from tests.build.values import API, WEB


class StartsTests(SynchronousTestCase):
    """``Starts``."""

    def setUp(self) -> None:
        self.starts = Starts()

    def fail_two(self) -> None:
        self.starts.failed(WEB, "no space", 1.0)
        self.starts.failed(API, "no memory", 2.0)

    def test_one_service(self) -> None:
        """One service that fails again and again may be to blame itself."""
        for now in range(5):
            self.starts.failed(WEB, "no space", float(now))
        self.assertEqual(self.starts.trouble, "")

    def test_several_services(self) -> None:
        """Of several that fail with no start between them the host is to blame, in the words of the latest failure."""
        self.fail_two()
        self.assertEqual(self.starts.trouble, "no memory")
        self.starts.failed(WEB, "no driver", 3.0)
        self.assertEqual(self.starts.trouble, "no driver")

    def test_start(self) -> None:
        """One container that starts proves that the host can, whatever failed before."""
        self.fail_two()
        self.starts.succeeded()
        self.assertEqual(self.starts.trouble, "")
        self.starts.failed(WEB, "no space", 3.0)
        self.assertEqual(self.starts.trouble, "")

    def test_deleted(self) -> None:
        """A service that is deleted is not counted any more."""
        self.fail_two()
        self.starts.forget_service(API)
        self.starts.forget_service(API)
        self.assertEqual(self.starts.trouble, "")

    def test_long_ago(self) -> None:
        """What failed before a given time is not counted any more."""
        self.fail_two()
        self.starts.forget(before=0.5)
        self.assertEqual(self.starts.trouble, "no memory")
        self.starts.forget(before=1.0)
        self.assertEqual(self.starts.trouble, "")
