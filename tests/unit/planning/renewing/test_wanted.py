"""Which host names should have a certificate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.stored.certificate import CertificateFacts
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.renewing.wanted import Covered, wanted_names


def definition(name: str, *hosts: str, **more: Any) -> Definition:
    http: Any = [{"HostName": host, "ContainerPort": "80", "Path": f"/{n}", **more} for n, host in enumerate(hosts)]
    return Definition.read({"Name": name, "Group": "g", "Container": {"Image": "x"}, "Http": http})


class WantedTests(SynchronousTestCase):
    def wanted(self, *hosts: str, covered: str = "") -> tuple[str, ...]:
        return wanted_names([definition("web", *hosts)], lambda name: name == covered)

    def test_all_once(self) -> None:
        """Each name of each definition is wanted, once."""
        definitions = [definition("web", "b.test,a.test", "a.test"), definition("api", "a.test"), definition("x")]
        self.assertEqual(wanted_names(definitions, lambda name: False), ("a.test", "b.test"))

    def test_covered(self) -> None:
        """A name with a certificate of the operator's own needs none."""
        self.assertEqual(self.wanted("a.test,b.test", covered="a.test"), ("b.test",))

    def covered(self, name: str, stored: dict[str, float], *files: dict[str, float]) -> bool:
        facts = [CertificateFacts((one,), 0.0, end) for one, end in stored.items()]
        return Covered(facts, files).has(name, 100.0)

    def test_covered_by_etcd(self) -> None:
        """A stored certificate covers its names, and one label below a wildcard, until it expires."""
        for name, stored, found in (
            ("a.test", {"a.test": 101.0}, True),
            ("a.test", {"*.test": 101.0}, True),
            ("*.a.test", {"*.a.test": 101.0}, True),
            ("b.a.test", {"*.test": 101.0}, False),
            ("a.test", {"a.test": 100.0}, False),
            ("a.test", {}, False),
        ):
            self.assertEqual(self.covered(name, stored), found, (name, stored))

    def test_many_covered(self) -> None:
        """The stored certificates are gone through once, however many names there are."""

        class Stored(list[CertificateFacts]):
            turns = 0

            def __iter__(self) -> Iterator[CertificateFacts]:
                self.turns += 1
                return super().__iter__()

        stored = Stored(CertificateFacts((f"{n}.test", "a.test"), 0.0, 50.0 * n) for n in range(20))
        covered = Covered(stored, ())
        self.assertEqual([covered.has(f"{n}.test", 100.0) for n in range(20)], [False] * 3 + [True] * 17)
        self.assertEqual((covered.has("a.test", 100.0), stored.turns), (True, 1))

    def test_covered_by_files(self) -> None:
        """Files cover a name when each node that has files has one for it; nodes without files do not count."""
        for files, found in (
            (({"a.test": 101.0}, {"*.test": 101.0, "b.test": 1.0}, {}), True),
            (({"a.test": 101.0}, {"b.test": 101.0}), False),
            (({"a.test": 101.0}, {"a.test": 100.0}), False),
            (({}, {}), False),
            ((), False),
        ):
            self.assertEqual(self.covered("a.test", {}, *files), found, files)

    def test_not_by_tls(self) -> None:
        """A name that is not served by TLS needs none, unless another service has it served."""
        off = definition("web", "a.test", Tls="off")
        self.assertEqual(wanted_names([off], lambda name: False), ())
        both = [off, definition("api", "a.test", Tls="require")]
        self.assertEqual(wanted_names(both, lambda name: False), ("a.test",))

    def test_wildcards(self) -> None:
        """A wildcard is wanted beside the name below which it is."""
        self.assertEqual(self.wanted("*.a.test,a.test"), ("*.a.test", "a.test"))

    def test_never_issued(self) -> None:
        """Names for which no public server issues are not asked for: without a dot, with an underscore, addresses."""
        self.assertEqual(self.wanted("localhost,a_b.test,10.0.0.1," + "a." * 120 + "test"), ())
