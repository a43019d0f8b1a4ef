"""The top of the page: headline, figures, and what needs a person."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.etcd_look import KnownRoom
from daprdockr.model.stored.certificate import ACME, CertificateFacts, CertificateRecord
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.troubles.etcd import EtcdDoubted
from daprdockr.page.glance import MOST_WORRIES, glance
from daprdockr.page.seen import Gone
from daprdockr.page.signs import Sign
from daprdockr.picture.certificates import DAY
from daprdockr.picture.etcd_room import room_line
from tests.build.history import defined, entry, present
from tests.build.page import NOW, nodes, running, seen, showcase, well
from tests.build.values import KEYS, WEB, named
from tests.fakes.etcd_upkeep import MIB, looked, status


class GlanceTests(SynchronousTestCase):
    def test_well(self) -> None:
        """Nothing is wrong: one line says so, and the figures are whole."""
        found = glance(seen(*well()))
        self.assertEqual((found.headline.sign, found.headline.words), (Sign.OK, "All is well"))
        figures = [(figure.name, figure.sign, f"{figure.value} {figure.unit}") for figure in found.figures]
        self.assertEqual(
            figures,
            [
                ("Nodes", Sign.OK, "3 of 3 ready"),
                ("Services", Sign.OK, "1 of 1 well"),
                ("Instances", Sign.OK, "3 of 3 healthy"),
                ("Rollouts", Sign.OK, "0 under way"),
                ("Certificates", Sign.IDLE, "0 valid"),
            ],
        )
        self.assertEqual((found.worries, found.unsaid), ((), 0))

    def test_taken(self) -> None:
        """A service that is healthy and lacks a host name is no well one: an older service has it."""
        http = {"HostName": "a.test", "ContainerPort": 80}
        old, young = named("shop", 1, Http=http), named("web", 1, Http=http)
        found = glance(seen(*nodes(), *running(old), *running(young)))
        (worry,) = found.worries
        self.assertEqual((worry.sign, worry.about), (Sign.WARN, "web.myapp"))
        self.assertEqual(worry.text, "lacks a port or host name: a.test/ belongs to shop.myapp")

    def test_worries(self) -> None:
        """Each thing that is wrong is said with its reason, once, the worst first."""
        found = glance(showcase())
        self.assertEqual(found.headline.words, "5 things need attention")
        self.assertEqual(
            [(worry.about, worry.text) for worry in found.worries],
            [
                ("batch.myapp", "down: 3 of 3 wait for a node: no node meets disk == ssd"),
                ("mail.myapp", "down: it exited with status 1 at once, 4 times; the next start is at 20:00:40"),
                ("node host-c", "cordoned"),
                ("cache.myapp", "under maintenance by anna@desk"),
                ("certificate shop.example.com", "ends soon"),
            ],
        )
        self.assertEqual(found.figures[-1].value, "9")

    def test_ailing(self) -> None:
        """A part of another node that is in trouble needs a person; this agent shows its own at once, and once."""
        ailing = {"http": "nginx does not run: no module"}
        entries = [*nodes(["host-a"]), present("host-b", NodeRecord(ailing=ailing))]
        found = glance(seen(*entries))
        self.assertEqual(
            [(worry.sign, worry.about, worry.text) for worry in found.worries],
            [(Sign.WARN, "node host-b", "nginx does not run: no module")],
        )
        self.assertEqual((found.figures[0].value, glance(seen(*entries, node="host-b")).worries), ("2", ()))

    def test_lost_node(self) -> None:
        """A node that is lost needs a person, and counts; one that was drained before it went does not."""
        found = glance(evolve(seen(*well()), gone=(Gone("b", NOW), Gone("d", NOW, is_meant=True))))
        self.assertEqual(
            [(worry.about, worry.text, worry.href) for worry in found.worries],
            [("node b", "lost: its lease ended at 2026-11-28 20:00:00Z", "#node-b")],
        )
        self.assertEqual(f"{found.figures[0].value} {found.figures[0].unit}", "3 of 4 ready")

    def test_etcd(self) -> None:
        """A line says how much room etcd has; an alarm needs a person."""
        room = KnownRoom(evolve(looked(*(status(member) for member in (1, 2, 3))), quota=100 * MIB), NOW)
        here = seen(*well())
        found = glance(evolve(here, overview=evolve(here.overview, etcd=room)))
        self.assertEqual((found.worries, found.etcd), ((), room_line(room)))
        full = evolve(room, look=evolve(room.look, full=frozenset({1})))
        found = glance(evolve(here, overview=evolve(here.overview, etcd=full)))
        self.assertEqual([worry.about for worry in found.worries], ["etcd"])
        self.assertIn("alarm NOSPACE", found.worries[0].text)
        self.assertEqual(glance(here).etcd, "")

    def test_agent(self) -> None:
        """An agent that does not follow etcd says that what it shows is old, and why it is not well."""
        found = glance(seen(*well(), in_touch=False, troubles=["no lease for 9 s"]))
        self.assertEqual({worry.about for worry in found.worries}, {"node host-a"})
        self.assertIn("last state", found.worries[0].text)
        self.assertEqual(found.worries[1].text, "no lease for 9 s")
        self.assertEqual(glance(seen(in_touch=False)).headline.words, "One thing needs attention")

    def test_doubt(self) -> None:
        """An agent that doubts etcd says so once, with what to do, though its node is frozen, too."""
        here, why = seen(*well()), "etcd went back from revision 9 to 7"
        doubting = [{**row, "Doubts": why if row["Node"] == here.node else ""} for row in here.nodes]
        trouble = str(EtcdDoubted(why))
        found = glance(evolve(here, in_touch=False, troubles=[trouble], nodes=doubting))
        self.assertEqual([worry.text for worry in found.worries if why in worry.text], [trouble])

    def test_bounded(self) -> None:
        """Of a hundred worries a few are said, and the rest is counted."""
        found = glance(seen(*nodes(), *(defined(named(f"s{n}"), 9) for n in range(100))))
        self.assertEqual((len(found.worries), found.unsaid), (MOST_WORRIES, 100 - MOST_WORRIES))

    def test_certificates(self) -> None:
        """The figure counts no certificate that is not there, or has ended, as valid, and says one day as one."""
        row = {"Name": "a", "LastError": "", "Names": [], "Nodes": [], "Source": "acme", "NotAfter": 0, "Needed": True}
        for left, error, sign, words in (
            ((None, None), "", Sign.BUSY, "0 of 2 valid"),
            ((None, None), "refused", Sign.BAD, "0 of 2 valid"),
            ((1, 60), "", Sign.WARN, "1 day until one of 2 ends"),
            ((None, 60), "", Sign.BUSY, "60 days until one of 1 ends"),
            ((-3, 60), "", Sign.BAD, "1 of 2 valid"),
            ((-1, -1), "", Sign.BAD, "0 of 2 valid"),
            ((0, 60), "", Sign.WARN, "0 days until one of 2 ends"),
        ):
            known = [{"DaysLeft": days, "EndsSoon": days in (0, 1)} for days in left]
            rows = [{**row, **one, "LastError": error} for one in known]
            figure = glance(seen(*well(), certificates=rows)).figures[-1]
            self.assertEqual((figure.sign, f"{figure.value} {figure.unit}"), (sign, words))

    def test_not_needed(self) -> None:
        """A certificate that no service needs any more is no worry when it ends, and does not count."""
        record = CertificateRecord("a", "b", CertificateFacts(("old.test",), 0, NOW - 3 * DAY), source=ACME)
        found = glance(seen(*well(), entry(KEYS.certificate("old.test"), 40, record.encode())))
        self.assertEqual((found.figures, found.worries), (glance(seen(*well())).figures, ()))

    def test_stopped_rollout(self) -> None:
        """A rollout that stopped half way is none that is under way; while it is reverted, containers are replaced."""
        here = seen(*well())
        (row,) = here.overview.services.rows
        for state, words in (("paused", "0 under way, 1 stopped"), ("reverted", "1 under way, 1 stopped")):
            stopped = {**row, "Current": 1, "Rollout": {"State": state}}
            table = evolve(here.overview.services, rows=[stopped])
            figure = glance(evolve(here, overview=evolve(here.overview, services=table))).figures[3]
            self.assertEqual(f"{figure.value} {figure.unit}", words)

    def test_unreadable(self) -> None:
        """A value that cannot be read, a rollout that stopped, and a certificate that ended are worries."""
        found = seen(*well(), entry(KEYS.service(WEB), 30, b"{"))
        self.assertIn("cannot be read", glance(found).worries[0].text)
        row = {
            "Name": "a",
            "DaysLeft": -3,
            "LastError": "",
            "Names": [],
            "Nodes": [],
            "Source": "file",
            "NotAfter": 0,
            "Needed": True,
        }
        ended = glance(seen(*well(), certificates=[{**row, "NotAfter": NOW - 3 * DAY}]))
        self.assertEqual((ended.figures[-1].value, ended.figures[-1].sign), ("0", Sign.BAD))
