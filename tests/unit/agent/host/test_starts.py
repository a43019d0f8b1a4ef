"""When nothing starts on this host, counted over services."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.starts import Starts
from daprdockr.model.names import ServiceName
from tests.build.values import API, WEB

OTHER = ServiceName(group="myapp", service="other")


class StartsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.elsewhere: set[tuple[ServiceName, str]] = set()
        self.starts = Starts(lambda service, digest: (service, digest) in self.elsewhere)

    def fail_two(self) -> None:
        self.starts.failed(WEB, "w1", "no space", 1.0)
        self.starts.failed(API, "a1", "no memory", 2.0)


class ProvenTests(StartsCase):
    """Services whose definitions run on other nodes."""

    def setUp(self) -> None:
        super().setUp()
        self.elsewhere = {(WEB, "w1"), (API, "a1")}

    def test_one_service(self) -> None:
        """One service that fails again and again may be to blame itself."""
        for now in range(5):
            self.starts.failed(WEB, "w1", "no space", float(now))
        self.assertEqual(self.starts.trouble, "")

    def test_several_services(self) -> None:
        """Of several that fail with no start between them the host is to blame, in the words of the latest failure."""
        self.fail_two()
        self.assertEqual(self.starts.trouble, "no memory")
        self.starts.failed(WEB, "w1", "no driver", 3.0)
        self.assertEqual(self.starts.trouble, "no driver")

    def test_start(self) -> None:
        """One container that starts proves that the host can, whatever failed before."""
        self.fail_two()
        self.starts.ran(WEB, "w1", began=True)
        self.assertEqual(self.starts.trouble, "")
        self.starts.failed(WEB, "w1", "no space", 3.0)
        self.assertEqual(self.starts.trouble, "")

    def test_fails_beside_others(self) -> None:
        """Failures that go on after a container of another service began to run say nothing about the host any more."""
        self.fail_two()
        self.starts.ran(OTHER, "o1", began=True)
        self.fail_two()
        self.assertEqual(self.starts.trouble, "")

    def test_changed(self) -> None:
        """Another definition, or one that has started meanwhile, counts again."""
        self.fail_two()
        self.starts.ran(OTHER, "o1", began=True)
        self.starts.ran(API, "a1", began=True)
        self.elsewhere.add((WEB, "w2"))
        self.starts.failed(API, "a1", "no memory", 3.0)
        self.assertEqual(self.starts.trouble, "")
        self.starts.failed(WEB, "w2", "no space", 4.0)
        self.assertEqual(self.starts.trouble, "no space")

    def test_deleted(self) -> None:
        """A service that is deleted is not counted any more."""
        self.fail_two()
        self.starts.forget_service(API)
        self.starts.forget_service(API)
        self.assertEqual(self.starts.trouble, "")

    def test_long_ago(self) -> None:
        """Failures from before a given time are not counted any more."""
        self.fail_two()
        self.starts.forget(before=0.5)
        self.assertEqual(self.starts.trouble, "no memory")
        self.starts.forget(before=1.0)
        self.assertEqual(self.starts.trouble, "")


class BadDefinitionTests(StartsCase):
    """Definitions that run nowhere."""

    def test_alone(self) -> None:
        """Any number of them makes no host one on which nothing starts."""
        self.fail_two()
        self.starts.failed(OTHER, "o1", "no device", 3.0)
        self.assertEqual(self.starts.trouble, "")

    def test_former_definition(self) -> None:
        """Nor do those of services that run elsewhere, and ran here, from former definitions."""
        self.elsewhere = {(WEB, "w0"), (API, "a0")}
        self.starts.ran(WEB, "w0", began=False)
        self.fail_two()
        self.assertEqual(self.starts.trouble, "")

    def test_proven_later(self) -> None:
        """A definition that turns out to run elsewhere counts from then on."""
        self.fail_two()
        self.elsewhere = {(WEB, "w1"), (API, "a1")}
        self.assertEqual(self.starts.trouble, "no memory")

    def test_ran_here(self) -> None:
        """A definition that ran on this host is proven as well, also one that an earlier agent started."""
        self.starts.ran(WEB, "w1", began=True)
        self.starts.ran(API, "a1", began=False)
        self.fail_two()
        self.assertEqual(self.starts.trouble, "no memory")
