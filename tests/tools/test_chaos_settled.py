"""When the fault suite takes a cluster to be well; and what it wants of it."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos import settled
from tests.chaos.kinds import other_counts
from tests.chaos.services import STOPPED, Wanted, definitions, mark, redefined


def claim(node: str, container: str, healthy: bool = True) -> dict[str, Any]:
    return {"Node": node, "ContainerId": container, "Healthy": healthy}


class ClaimTests(SynchronousTestCase):
    """Each wanted instance, and no other, is claimed and healthy."""

    def test_all(self) -> None:
        """Nothing is lacking."""
        self.assertEqual("", settled.unclaimed(["1.web.chaos"], {"1.web.chaos": claim("host1", "a")}))

    def test_missing(self) -> None:
        """An instance without a claim is reported, and one that is not healthy."""
        told = settled.unclaimed(["1.web.chaos", "2.web.chaos"], {"2.web.chaos": claim("host1", "a", healthy=False)})
        self.assertEqual("not claimed and healthy: 1.web.chaos, 2.web.chaos", told)

    def test_too_many(self) -> None:
        """A claim on an instance that nobody wants is reported, and a successor's."""
        claims = {name: claim("host1", "a") for name in ("1.web.chaos", "2.web.chaos", "next.1.web.chaos")}
        self.assertEqual("not wanted: 2.web.chaos, next.1.web.chaos", settled.unclaimed(["1.web.chaos"], claims))

    def test_many(self) -> None:
        """Of many only some are named."""
        told = settled.unclaimed([f"{number}.web.chaos" for number in range(1, 8)], {})
        self.assertTrue(told.endswith("4.web.chaos and 3 more"), told)


class DefinitionTests(SynchronousTestCase):
    """Each container is made of the stored definition of its service."""

    def test_same(self) -> None:
        """Nothing is lacking."""
        stored = {"web.chaos": "7", "spread.chaos": ""}
        self.assertEqual("", settled.outdated(stored, {"1.web.chaos": "7", "1.spread.chaos": ""}))

    def test_other(self) -> None:
        """A container of another definition is reported, and one of a service that is not there."""
        told = settled.outdated({"web.chaos": "7"}, {"1.web.chaos": "7", "2.web.chaos": "", "1.gone.chaos": ""})
        self.assertEqual("made of another definition: 1.gone.chaos, 2.web.chaos", told)


class PlaceTests(SynchronousTestCase):
    """Each instance runs where its claim says and nowhere else."""

    def lacking(self, *places: tuple[str, str]) -> str:
        return settled.misplaced({"1.web.chaos": claim("host1", "a")}, {"1.web.chaos": list(places)} if places else {})

    def test_in_place(self) -> None:
        """Nothing is lacking."""
        self.assertEqual("", self.lacking(("host1", "a")))

    def test_elsewhere(self) -> None:
        """A copy beside it is reported, another container in its place, and none at all."""
        for places in ([("host1", "a"), ("host2", "b")], [("host1", "b")], []):
            self.assertIn("1.web.chaos", self.lacking(*places))

    def test_unclaimed(self) -> None:
        """A container that no claim names is reported."""
        self.assertIn("2.web.chaos", settled.misplaced({}, {"2.web.chaos": [("host1", "a")]}))


class UntilTests(SynchronousTestCase):
    """A wait always ends."""

    def test_at_once(self) -> None:
        """It is over as soon as nothing is lacking."""
        lacks = ["something", ""]
        self.assertEqual("", settled.until(lambda: lacks.pop(0), 60.0)[1])

    def test_never(self) -> None:
        """When the time is over it returns what is lacking still."""
        self.assertEqual("something", settled.until(lambda: "something", 0.0)[1])


class WantedTests(SynchronousTestCase):
    """The definitions that a person wants at the moment."""

    def setUp(self) -> None:
        self.services = definitions(with_stopped=True)
        self.wanted = Wanted(self.services)

    def test_instances(self) -> None:
        """Each service has its numbers from 1 on."""
        spread = {name for name in self.wanted.instances() if name.endswith(".spread.chaos")}
        self.assertEqual({"1.spread.chaos", "2.spread.chaos", "3.spread.chaos"}, spread)

    def test_deleted(self) -> None:
        """A service that was deleted has no instances, names and pages any more."""
        self.wanted.delete("web.chaos")
        told = [*self.wanted.instances(), *self.wanted.names(), *self.wanted.served()]
        self.assertEqual([], [name for name in told if "web.chaos" in name])

    def test_names(self) -> None:
        """Names of services are asked for about as often as those of instances."""
        names = self.wanted.names()
        services = [name for name in names if name.count(".") == 2]
        self.assertLess(abs(2 * len(services) - len(names)), len(self.services))

    def test_without_stopped(self) -> None:
        """A run may leave the service out that is stopped in a partition."""
        self.assertEqual({STOPPED}, self.services.keys() - definitions(with_stopped=False).keys())

    def test_redefined(self) -> None:
        """A service that is redefined differs in its container alone."""
        before = self.services["web.chaos"]
        after = redefined(before, "7")
        self.assertEqual({"Container"}, {key for key in before if before[key] != after[key]})
        self.assertEqual(["CHAOS=7"], after["Container"]["Env"])

    def test_mark(self) -> None:
        """A redefinition is recognized by the environment of a container, which has more in it."""
        self.assertEqual("7", mark(["PATH=/bin", "CHAOS=7", "DAPRDOCKR_INSTANCE=1.web.chaos"]))
        self.assertEqual("", mark(["PATH=/bin"]))

    def test_scaled(self) -> None:
        """A service is never scaled to nothing, to what it has, or to more than there are hosts to run it on."""
        self.assertEqual([4, 5, 7, 8, 9], other_counts({"Instances": 6}, 5))
        self.assertEqual([2, 3, 4], other_counts({"Instances": 1}, 5))
        self.assertEqual([1, 2, 4, 5], other_counts({"Instances": 3, "Placement": {"OnePerNode": True}}, 5))
