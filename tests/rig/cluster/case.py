"""The case that the tests on a whole cluster share: a service of twelve instances on three hosts, and what stays."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.trial.unittest import SynchronousTestCase

from tests.rig.cluster.cluster import missing, shared
from tests.rig.cluster.host import Host

WEB = "web.myapp"
COUNT = 12


class ClusterTestCase(SynchronousTestCase):
    """Twelve instances run, four on each host, when a test begins; ``starts`` is when each container was started."""

    skip = missing()

    def setUp(self) -> None:
        self.cluster = shared()
        self.cluster.reset()
        self.cluster.define(WEB, COUNT)
        self.until_settled()
        shares = self.cluster.shares(WEB)
        self.assertEqual(shares, [4, 4, 4], "" if shares == [4, 4, 4] else self.cluster.report())
        self.starts = self.cluster.starts()
        self.addresses = [host.address for host in self.cluster.hosts]

    def until_settled(self, instances: int = COUNT) -> None:
        self.cluster.until_settled(WEB, instances)

    def until_taken_over(self, number: int) -> None:
        """Wait until the others run and serve all instances, those of this host too."""
        others = [host for host in self.cluster.hosts if host.number != number]
        addresses = sorted(host.address for host in others)

        def is_done() -> bool:
            told = self.cluster.claims(WEB).values()
            places = {(claim["Node"], claim["ContainerId"]) for claim in told if claim["Healthy"]}
            run = {(host.name, container) for host in others for container in host.running().values()}
            names = all(host.asked.dig(f"{WEB}.container").split() == addresses for host in others)
            return len(places) == COUNT and places == run and names

        self.cluster.until(is_done, f"the other hosts take over from host{number}")

    def assert_untouched(self, starts: dict[str, str]) -> None:
        """All these containers run, and none was started anew."""
        now = self.cluster.starts()
        self._assert_starts({container: now.get(container) for container in starts}, starts)

    def assert_nothing_new(self) -> None:
        """The containers run that ran when the test began, none was started anew, and no other one runs."""
        self._assert_starts(self.cluster.starts(), self.starts)

    def _assert_starts(self, found: Mapping[str, str | None], wanted: Mapping[str, str]) -> None:
        self.assertEqual(found, wanted, "" if found == wanted else self.cluster.report())

    def until_serving(self) -> None:
        """Wait until each host names all hosts that run an instance, and its nginx reaches every instance."""
        addresses = sorted({claim["Addresses"][0] for claim in self.cluster.claims(WEB).values()})
        for host in self.cluster.hosts:
            self.until_host_serves(host, addresses)

    def until_host_serves(self, host: Host, addresses: list[str]) -> None:
        everyone = {f"{number}.{WEB} 1" for number in range(1, COUNT + 1)}
        names = f"{WEB}.container"
        self.cluster.until(lambda: host.asked.dig(names).split() == addresses, f"{host.name} names {addresses}")
        served: set[str] = set()  # of all tries: an instance that has fewer requests than others goes first

        def all_served() -> bool:
            served.update(host.asked.served_by(f"{WEB}.test", 96))
            return everyone <= served

        self.cluster.until(all_served, f"nginx of {host.name} reaches every instance")
