"""
The resolvers of C libraries and others, with an agent's DNS as their only one, on the host and within a container.

The agent listens on port 53 of the address that its Engine's bridge has on the host, which containers reach.
"""

from __future__ import annotations

import atexit
import re
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from docker import APIClient
from twisted.trial.unittest import SynchronousTestCase

from tests.rig import etcd_members
from tests.rig.agent_process import AgentProcess
from tests.rig.dns import inside
from tests.rig.dns.inside import Inside, Outside
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.etcd_members import shared

INSTANCES = 2
TRIES = ("+tries=1", "+time=5")
RESOLVER_OPTIONS = (
    "",
    "edns0",
    "edns0 trust-ad",
    "use-vc",
    "edns0 use-vc",
    "single-request",
    "single-request-reopen",
    "no-tld-query",
    "rotate",
)
"""Of glibc: resolv.conf(5)."""


def bridge_address(engine: str) -> str:
    """The address of the host on the bridge of its containers."""
    with closing(APIClient(base_url=engine, version="auto")) as client:
        return str(client.inspect_network("bridge")["IPAM"]["Config"][0]["Gateway"])


class Site:
    """An agent with one service, whose host has no IPv6 address, and the places from where it is asked."""

    def __init__(self) -> None:
        image, engine, etcd = sample_image(), engine_url(), shared()
        self.address = bridge_address(engine)
        self.agent = AgentProcess(etcd.urls, engine, "--dns", f"{self.address}:53")
        atexit.register(self.agent.close)
        self.agent.address = self.address
        self.agent.start()
        web = f"web.{self.agent.group}"
        self.agent.define(web, INSTANCES, image)
        self.service, self.one = f"{web}.container", f"1.{web}.container"
        until(lambda: self.agent.status(self.one) == "NOERROR")
        self.outside = Outside(self.configuration(f"nameserver {self.address}\n"))
        self.inside = Inside.of(engine, self.agent.ids(web)[0], self.configuration(""))

    def configuration(self, text: str) -> Path:
        """A file with a resolver's configuration."""
        file = Path(mkdtemp(dir=self.agent.home)) / "resolv.conf"
        file.write_text(text)
        return file


@cache
def site() -> Site:
    """The same for all tests, which harm nothing; closed when Python ends."""
    return Site()


class ClientTests(SynchronousTestCase):
    """``places`` are the host and a container."""

    skip = inside.missing() or etcd_members.missing()

    def setUp(self) -> None:
        self.site = site()
        self.address, self.service, self.one = self.site.address, self.site.service, self.site.one
        self.places = (self.site.outside, self.site.inside)

    def test_container_asks_the_agent(self) -> None:
        """The resolver of a container is the agent of its host."""
        servers = re.findall(r"^nameserver (\S+)$", self.site.inside.configuration.read_text(), re.M)
        self.assertEqual([self.address], servers)

    def test_glibc(self) -> None:
        """getaddrinfo(3) of glibc finds services and instances, and reports an absent name, with any of its options."""
        for place in self.places:
            for options in RESOLVER_OPTIONS:
                for name in (self.service, self.one, self.one.upper()):
                    said = place.run("getent", "ahosts", name, RES_OPTIONS=options)
                    self.assertEqual({self.address}, {line.split()[0] for line in said.lines}, options)
                said = place.run("getent", "ahosts", f"7.{self.service}", RES_OPTIONS=options)
                self.assertEqual(("", 2), (said.text, said.status), options)

    def test_musl(self) -> None:
        """getaddrinfo(3) of musl, which asks for both kinds at once, is content with an address of one kind."""
        for place in self.places:
            for name in (self.service, self.one, self.one.upper()):
                self.assertEqual([self.address], place.musl(name).lines)
                self.assertEqual([self.address], place.musl(name, "inet").lines)
                # EAI_NONAME of musl's netdb.h, or from 1.2.4 on EAI_NODATA; not EAI_AGAIN, that nobody knows.
                self.assertRegex(place.musl(name, "inet6").text, r"^error -[25] ")
            self.assertRegex(place.musl(f"7.{self.service}").text, r"^error -2 ")

    def test_busybox(self) -> None:
        """BusyBox's nslookup finds an address, takes a missing type for no error, and reports an absent name."""
        for place in self.places:
            said = place.busybox("nslookup", self.one)
            self.assertEqual(0, said.status, said.text)
            self.assertEqual([self.address], re.findall(r"^Address: (\S+)$", said.text, re.M))
            said = place.busybox("nslookup", "-type=srv", f"8080.tcp.{self.service}")
            self.assertEqual(INSTANCES, said.text.count(f".{self.service}\n"), said.text)
            said = place.busybox("nslookup", f"7.{self.service}")
            self.assertIn("NXDOMAIN", said.text)
            self.assertNotEqual(0, said.status)

    def test_dig(self) -> None:
        """dig gets the same answer by all ways of asking, and complains of nothing."""
        ways = ["+notcp", "+tcp", "+noedns", "+norecurse", "+bufsize=512", "+bufsize=4096", "+dnssec", "+nocookie"]
        ways += ["+norecurse +tcp +bufsize=512", "+norecurse +notcp +bufsize=1232", "+subnet=10.0.0.0/8", "+nsid"]
        for place in self.places:
            for way in ways:
                said = place.run("dig", *TRIES, *way.split(), self.service)
                self.assertRegex(said.text, rf"(?m)^{re.escape(self.service)}\.\s+0\s+IN\s+A\s+{self.address}$")
                self.assertNotRegex(said.text, r"(?i)malformed|unexpected|mismatch|garbage|warning: .*query|timed out")

    def test_resolver_of_a_host(self) -> None:
        """A query with DO, AD and letters of both cases, as systemd-resolved sends it, gets its letters and DO back."""
        name = "".join(letter.upper() if number % 3 else letter for number, letter in enumerate(self.one))
        for place in self.places:
            for way in ("+notcp", "+tcp"):
                for kind, status in (("A", "ANSWER: 1,"), ("AAAA", "ANSWER: 0,"), ("DS", "ANSWER: 0,")):
                    asked = ["+adflag", "+dnssec", "+bufsize=1472", way, name, kind]
                    said = place.run("dig", *TRIES, *asked)
                    self.assertIn("status: NOERROR", said.text)
                    self.assertIn("flags: qr aa rd;", said.text)
                    self.assertIn(status, said.text)
                    self.assertIn("flags: do;", said.text)
                    self.assertRegex(said.text, rf"(?m)^;{re.escape(name)}\.\s+IN\s+{kind}$")
                    self.assertNotRegex(said.text, r"(?i)malformed|mismatch|timed out")

    def test_search_list(self) -> None:
        """Names without ``container`` are found by a search list, by musl as by glibc."""
        text = f"nameserver {self.address}\nsearch {self.site.agent.group}.container container\noptions ndots:3\n"
        outside = Outside(self.site.configuration(text))
        for name in ("web", "1.web", f"web.{self.site.agent.group}"):
            self.assertEqual([self.address], outside.musl(name).lines)
            said = outside.run("getent", "ahosts", name)
            self.assertEqual({self.address}, {line.split()[0] for line in said.lines})
