"""Whom an agent asks for names outside its zone, seen by ``dig`` and by the name servers themselves."""

from __future__ import annotations

import os
import shutil

from twisted.trial.unittest import SkipTest, TestCase

from tests.rig.dns.house import House
from tests.rig.docker_engine import until

PUBLIC, OFFICE, CORP, DEEP = "203.0.113.53:53", "10.9.9.1:53", "127.0.0.2:5301", "127.0.0.3:5302"
OF_THE_HOUSE = ["nas", "printer.local", "x.test", "vm.internal", "nas.home.arpa", "7.9.9.10.in-addr.arpa"]


class HouseTests(TestCase):
    """A house with a public upstream, one of its own, and two servers of zones."""

    timeout = 120

    def setUp(self) -> None:
        missing = [program for program in ("dig", "nsenter", "ip") if shutil.which(program) is None]
        if missing and not os.environ.get("CI"):
            raise SkipTest(f"{', '.join(missing)} is not installed")
        self.house = House([PUBLIC, OFFICE, CORP, DEEP])
        self.addCleanup(self.house.close)
        self.house.open()

    def test_zones(self) -> None:
        """The longest zone's server is asked; the public upstream never receives a name of the house."""
        zones = ["--dns-forward", f"corp.local={CORP}", "--dns-forward", f"deep.corp.local={DEEP}"]
        self.house.start_agent("--dns-upstream", "203.0.113.53", *zones)
        names = ["www.example.com", "app.corp.local", "app.Deep.corp.local", "notdeep.corp.local"]
        found = [self.house.dig(name) for name in names]
        self.assertEqual(["203.0.113.53", "127.0.0.2", "127.0.0.3", "127.0.0.2"], found, self.house.log())
        for name in OF_THE_HOUSE:
            self.assertEqual("NXDOMAIN", self.house.dig(name), name)
        self.assertEqual({"www.example.com"}, self.house.asked(PUBLIC))
        self.assertEqual({"app.corp.local", "notdeep.corp.local"}, self.house.asked(CORP))
        self.assertEqual({"app.deep.corp.local"}, self.house.asked(DEEP))

    def test_resolv_conf(self) -> None:
        """An empty resolv.conf that is written later, and changed, is followed; the house's server knows its names."""
        self.house.start_agent()
        self.assertEqual("SERVFAIL", self.house.dig("www.example.com"), self.house.log())
        self.house.name_servers("203.0.113.53")
        until(lambda: self.house.dig("www.example.com") == "203.0.113.53")
        self.house.name_servers("10.9.9.1", "203.0.113.53")
        until(lambda: self.house.dig("nas") == "10.9.9.1")
        self.assertEqual({"10.9.9.1"}, {self.house.dig(name) for name in OF_THE_HOUSE})
        self.house.name_servers("127.0.0.1")
        until(lambda: "names no server but this agent itself" in self.house.log())
        self.assertEqual("10.9.9.1", self.house.dig("app.corp.local"))
        self.assertEqual({"www.example.com"}, self.house.asked(PUBLIC))
