"""The zone and the questions that all servers get in ``make bench-dns``, and which servers take part."""

from __future__ import annotations

import re
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

import dns.message
import dns.rdatatype
import dns.rrset
import dns.zone
from twisted.names.dns import Query
from twisted.trial.unittest import SynchronousTestCase

from benchmarks.dns import ROUNDS, order, wishes
from benchmarks.dns_check import mistake
from benchmarks.dns_contestants import BIND, CONTESTANTS, DAPRDOCKR, KNOT, Setting
from benchmarks.dns_names import Authority
from benchmarks.dns_process import TICK, busy_time, processor_time
from benchmarks.dns_questions import Expected, Known, Question, absent, each, forwarded, mix
from benchmarks.dns_report import Scenario
from benchmarks.dns_tracks import CHECKED, SCENARIOS, track
from benchmarks.dns_zone import bench_zone, records, running, upstream_records, zone_file
from daprdockr.dns.message.records import AAAA, SRV, A
from tests.build.dns_samples import question, sample_zone

INSTANCES = 12
SETS = tuple(records(bench_zone(INSTANCES)))
KNOWN = Known.of(SETS)
SERVICE = "web0.team0.container"
PORTS = f"_8080._tcp.{SERVICE}"


def parsed(sets: str, origin: str) -> dns.zone.Zone:
    """A zone file as an independent implementation reads it."""
    return dns.zone.from_text(sets, f"{origin}.", relativize=False)


class ZoneTests(SynchronousTestCase):
    """The records, and the file they are written to."""

    def test_file(self) -> None:
        """The zone file has the apex, all instances, services, groups and both spellings of ports."""
        zone = parsed(zone_file(SETS), "container")
        names = {name.to_text() for name in zone.nodes}
        expected = {
            "container.",
            "team0.container.",
            f"{SERVICE}.",
            f"5.{SERVICE}.",
            f"{PORTS}.",
            f"_8080._tcp.5.{SERVICE}.",
        }
        self.assertEqual(set(), expected - names)
        self.assertIn(f"8080.tcp.{SERVICE}.", names)
        self.assertNotIn(f"6.{SERVICE}.", names)

    def test_sets(self) -> None:
        """Each service has an address and a port for each of its instances, with a TTL of 0."""
        zone = parsed(zone_file(SETS), "container")
        for name, kind in ((f"{SERVICE}.", "A"), (f"{PORTS}.", "SRV")):
            found = zone.find_rdataset(name, kind)
            self.assertEqual((5, 0), (len(found), found.ttl))

    def test_all_kinds(self) -> None:
        """Addresses of both families and names are written as a zone file wants them."""
        zone = parsed(zone_file(records(sample_zone())), "container")
        self.assertEqual("fd00::1", zone.find_rdataset("1.web.myapp.container.", "AAAA")[0].to_text())
        self.assertEqual("a.ns.dns.container.", zone.find_rdataset("container.", "NS")[0].to_text())

    def test_upstream(self) -> None:
        """The zone behind the proxies has as many names with an address each as were asked for, and may be cached."""
        sets = list(upstream_records(300))
        zone = parsed(zone_file(sets), "example")
        self.assertEqual(300, sum(owned.owner.startswith("www") for owned in sets))
        self.assertEqual(3600, zone.find_rdataset("www299.site99.example.", "A").ttl)

    def test_hosts(self) -> None:
        """The instances of one service are on as many hosts."""
        hosts = Counter((one.instance.service, one.addresses) for one in running(1000))
        self.assertEqual({1}, set(hosts.values()))


class QuestionTests(SynchronousTestCase):
    """The questions that are asked."""

    def asked(self, count: int, seed: int = 1) -> list[Question]:
        return list(islice(mix(list(running(INSTANCES)), Random(seed)), count))

    def test_mix(self) -> None:
        """The shares are those that the goal is set for."""
        kinds: Counter[str] = Counter()
        for one in self.asked(20_000):
            if KNOWN.expected(one).absent:
                kinds["absent"] += 1
            elif one.kind == SRV:
                kinds["srv"] += 1
            else:
                kinds["instance" if one.name[0].isdigit() else "service"] += 1
        for kind, share in {"instance": 60, "srv": 25, "service": 10, "absent": 5}.items():
            self.assertApproximates(share, kinds[kind] / 200, 0.6)

    def test_seed(self) -> None:
        """The same seed asks the same."""
        self.assertEqual(self.asked(50), self.asked(50))
        self.assertNotEqual(self.asked(50), self.asked(50, seed=2))

    def test_absent(self) -> None:
        """No name comes twice, and none exists."""
        found = list(islice(absent(list(running(INSTANCES))), 500))
        self.assertEqual(500, len({one.name for one in found}))
        self.assertEqual({Expected(absent=True)}, {KNOWN.expected(one) for one in found})

    def test_forwarded(self) -> None:
        """Names of the upstream are asked for, all of which exist."""
        sets = list(upstream_records(20))
        found = list(islice(forwarded(sets, Random(1)), 500))
        self.assertEqual({False}, {Known.of(sets).expected(one).absent for one in found})

    def test_each(self) -> None:
        """Each set of addresses and ports is asked for once."""
        found = [(one.name, one.kind) for one in each(SETS)]
        self.assertEqual({(o.owner, o.rrset.type) for o in SETS if o.rrset.type in (A, SRV)}, set(found))
        self.assertEqual(len(set(found)), len(found))

    def test_line(self) -> None:
        """A line of dnsperf's file."""
        self.assertEqual(f"{PORTS} SRV\n", Question(PORTS, SRV).line)

    def test_existing_without_type(self) -> None:
        """The right answer for a name without such records is not known here, so it is never asked for."""
        self.assertRaises(ValueError, KNOWN.expected, Question(SERVICE, AAAA))

    def test_track(self) -> None:
        """Each scenario has its files; unique questions of one part of a turn do not come again in another."""
        for scenario in SCENARIOS:
            directory = Path(self.mktemp())
            directory.mkdir()
            one = track(scenario, directory, 0.01, Random(1))
            self.assertEqual(CHECKED, len(one.sample))
            parts = (one.files.full, one.files.own, one.files.common)
            self.assertTrue(all(file.stat().st_size for file in (one.files.warm, *parts)))
            lines = [line for file in dict.fromkeys(parts) for line in file.read_text().splitlines()]
            self.assertEqual(scenario.unique, len(set(lines)) == len(lines))
            self.assertEqual(len(one.files.full.read_text().splitlines()) if scenario.unique else 0, one.most)


class CheckTests(SynchronousTestCase):
    """Whether an answer is right."""

    def judged(self, kind: str, code: str, *answers: str, flags: str = "QR") -> str | None:
        """The mistake in a reply to the question for the first service's addresses or ports."""
        asked = Question(SERVICE if kind == "A" else PORTS, A if kind == "A" else SRV)
        reply = dns.message.make_response(question(asked.name, kind))
        reply.set_rcode(dns.rcode.from_text(code))
        reply.flags |= dns.flags.from_text(flags)
        if answers:
            reply.answer.append(dns.rrset.from_text(f"{asked.name}.", 0, "IN", kind, *answers))
        return mistake(reply, asked, KNOWN.expected(asked))

    def test_right(self) -> None:
        """The order of the records does not count."""
        addresses = [f"10.0.0.{number}" for number in (3, 1, 2, 5, 4)]
        self.assertIsNone(self.judged("A", "NOERROR", *addresses))
        ports = [f"0 1 32768 {number}.{SERVICE}." for number in (5, 4, 3, 2, 1)]
        self.assertIsNone(self.judged("SRV", "NOERROR", *ports))

    def test_wrong(self) -> None:
        """Another code, other records, fewer, none at all, or a cut answer."""
        self.assertEqual("REFUSED instead of NOERROR", self.judged("A", "REFUSED"))
        self.assertIn("instead of", self.judged("A", "NOERROR", "10.0.0.1") or "")
        self.assertIn("instead of", self.judged("A", "NOERROR") or "")
        self.assertEqual("truncated", self.judged("A", "NOERROR", flags="QR TC"))
        self.assertEqual("no answer", mistake(None, Question(SERVICE), KNOWN.expected(Question(SERVICE))))

    def test_absent(self) -> None:
        """A name that does not exist has no records."""
        asked = Question(f"6.{SERVICE}")
        reply = dns.message.make_response(question(asked.name))
        self.assertEqual("NOERROR instead of NXDOMAIN", mistake(reply, asked, KNOWN.expected(asked)))
        reply.set_rcode(dns.rcode.NXDOMAIN)
        self.assertIsNone(mistake(reply, asked, KNOWN.expected(asked)))


class ContestantTests(SynchronousTestCase):
    """The contestants, and the configuration that each one gets."""

    def test_plans(self) -> None:
        """The configuration of each contestant has its port, and its own directory alone."""
        directory = Path("/nowhere/at-all")
        setting = Setting(directory, 15353, SETS, INSTANCES)
        for contestant in CONTESTANTS:
            plan = contestant.plan(setting)
            told = " ".join([*plan.command, *plan.files.values()])
            self.assertIn("15353", told, contestant.name)
            self.assertEqual(contestant.program, plan.command[0])
            paths = [
                word
                for word in re.split(r"[\s\"';=]+", told)
                if word.startswith("/") and not word.startswith("/container")
            ]
            self.assertEqual([], [path for path in paths if not path.startswith((str(directory), sys.executable))])

    def test_zone(self) -> None:
        """Each has all the names, in a file or by making the zone anew."""
        setting = Setting(Path("/nowhere"), 15353, SETS, INSTANCES)
        for contestant in CONTESTANTS:
            plan = contestant.plan(setting)
            told = " ".join([*plan.command, *plan.files.values()])
            self.assertTrue(f"2.{SERVICE}" in told or "--instances 12" in told, contestant.name)

    def test_upstream(self) -> None:
        """A contestant that forwards is configured with the upstream, and has no zone."""
        setting = Setting(Path("/nowhere"), 15353, SETS, 0, upstream=15454)
        for contestant in CONTESTANTS:
            if contestant.forwards:
                plan = contestant.plan(setting)
                told = " ".join([*plan.command, *plan.files.values()])
                self.assertIn("15454", told, contestant.name)

    def test_twisted_names(self) -> None:
        """The authority of twisted.names has our records."""
        authority = Authority(SETS)
        answers, _, _ = self.successResultOf(authority.query(Query(SERVICE, A)))
        self.assertEqual({f"10.0.0.{n}" for n in range(1, 6)}, {one.payload.dottedQuad() for one in answers})
        answers, _, _ = self.successResultOf(authority.query(Query(PORTS, SRV)))
        self.assertEqual({(32768, 1)}, {(one.payload.port, one.payload.weight) for one in answers})

    def test_order(self) -> None:
        """Another contestant is first from round to round; one that does not forward is not asked to."""
        firsts = [order(SCENARIOS[0], CONTESTANTS, number)[0] for number in range(ROUNDS)]
        self.assertEqual(list(CONTESTANTS[:ROUNDS]), firsts)
        names = {contestant.name for contestant in order(Scenario("cached", ""), CONTESTANTS, 0)}
        self.assertTrue({BIND, DAPRDOCKR} <= names)
        self.assertNotIn(KNOT, names)

    def test_wishes(self) -> None:
        """All take part in all scenarios, unless some are named, in whatever case."""
        self.assertEqual((CONTESTANTS, SCENARIOS), (wishes([]).contestants, wishes([]).scenarios))
        chosen = wishes(["--contestants", "knot,daprdockr", "--scenarios", "large"])
        self.assertEqual([KNOT, DAPRDOCKR], [contestant.name for contestant in chosen.contestants])
        self.assertEqual([10_000], [scenario.instances for scenario in chosen.scenarios])

    def test_processor_time(self) -> None:
        """The seconds are those of user and kernel mode, whatever the program is called."""
        fields = ["R", *map(str, range(1, 11)), "250", "150", "0", "0"]
        self.assertEqual(400 * TICK, processor_time(f"17 (a) b ( c) {' '.join(fields)}\n"))

    def test_busy_time(self) -> None:
        """All that is not idle, not waiting for a disk, and not stolen."""
        self.assertEqual(1234 * TICK, busy_time("cpu  1000 200 30 99999 888 3 1 7777 0 0\ncpu0 1 2 3\n"))
