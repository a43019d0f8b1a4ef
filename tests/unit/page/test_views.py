"""The values for the templates."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.names import InstanceName
from daprdockr.model.wanted.definition import Definition
from daprdockr.page import views
from daprdockr.page.seen import Gone
from daprdockr.page.signs import Sign
from daprdockr.picture.timeline import Happening
from tests.build.history import claimed, defined
from tests.build.page import NOW, healthy, nodes, running, seen, showcase
from tests.build.values import WEB, definition, named


def nightly() -> Definition:
    return Definition.read(
        {"Name": "tidy", "Group": "myapp", "Container": {"Image": "a"}, "Schedule": {"Cron": "0 3 * * *"}}
    )


class NodeViewTests(SynchronousTestCase):
    def test_who_runs_what(self) -> None:
        """Each node has its instances by service; those that no node has come last."""
        found = list(views.nodes(showcase()))
        self.assertEqual([node.name for node in found], ["host-a", "host-b", "host-c", views.NOWHERE])
        self.assertEqual(
            [(group.service, [pill.number for pill in group.pills]) for group in found[0].groups],
            [("mail.myapp", [2]), ("shop.myapp", [3]), ("web.myapp", [3, 6])],
        )
        self.assertEqual(found[0].facts, ("10.0.0.1", "zone=north", "version 0.1.0"))
        self.assertEqual((found[3].count, found[3].badge.sign), (3, Sign.WARN))
        self.assertIn("no node meets", found[3].groups[0].pills[0].title)

    def test_unknown_node(self) -> None:
        """A claim of a node that does not report is shown where it is."""
        found = seen(*nodes(["a"]), defined(definition(), 9), claimed(InstanceName(WEB, 1), healthy("z", ""), 20))
        (_, gone) = views.nodes(found)
        self.assertEqual((gone.name, gone.badge.words, gone.count), ("z", "does not report", 1))

    def test_gone(self) -> None:
        """A node whose lease has ended stays in its place, as lost or, if it was cordoned, as one that left."""
        found = evolve(seen(*nodes(["a", "c"])), gone=(Gone("b", NOW), Gone("d", NOW, is_meant=True)))
        shown = [(node.name, node.badge.words, node.badge.sign) for node in views.nodes(found)]
        self.assertEqual(shown[1], ("b", "lost", Sign.BAD))
        self.assertEqual(shown[3], ("d", "left", Sign.IDLE))
        self.assertEqual([name for name, *_ in shown], ["a", "b", "c", "d"])
        self.assertEqual(list(views.nodes(found))[1].reason, "its lease ended at 2026-11-28 20:00:00Z")


class ServiceViewTests(SynchronousTestCase):
    def test_rollout(self) -> None:
        """While a service is rolled out it is said how far that is."""
        found = {service.name: service for service in views.services(showcase())}
        self.assertEqual((found["shop.myapp"].done, found["shop.myapp"].wanted), (2, 4))
        self.assertEqual((found["web.myapp"].done, found["web.myapp"].hosts), (None, ("example.com",)))

    def test_job(self) -> None:
        """A job has a schedule in the place of instances."""
        (job,) = views.services(seen(*nodes(), defined(nightly(), 9)))
        self.assertEqual((job.schedule, job.badge.words), ("0 3 * * * UTC", "job"))


class InstanceViewTests(SynchronousTestCase):
    def test_row(self) -> None:
        """An instance with its ports and its start."""
        (one,) = views.instances(seen(*nodes(["a"]), *running(named("api"), ["a"])).instances)
        self.assertEqual((one.name, one.node, one.ports), ("1.api.myapp", "a", ("27100->8080/tcp",)))
        self.assertEqual(one.started, "2026-11-28 18:53:20Z")


class HappeningViewTests(SynchronousTestCase):
    def test_subject(self) -> None:
        """A service and an instance lead to the service; a deleted service and anything else lead nowhere."""
        subjects = ("web.myapp", "1.web.myapp", "node a", "gone.myapp", "1.gone.myapp")
        rows = seen(*nodes(), *running(definition())).overview.services.rows
        found = views.happened((Happening(NOW, "a", subject, "") for subject in subjects), rows)
        self.assertEqual([bool(one.href) for one in found], [True, True, False, False, False])
        self.assertEqual(found[0].href, found[1].href)


class CertificateViewTests(SynchronousTestCase):
    def test_rows(self) -> None:
        """A certificate with the days that are left; none are said of one that there is not yet."""
        self.assertEqual([one.left for one in views.certificates(showcase())], ["61 days", "9 days"])
        row = {
            "Name": "a",
            "DaysLeft": None,
            "EndsSoon": False,
            "LastError": "refused",
            "Names": [],
            "Nodes": ["n"],
            "Source": "acme",
            "Needed": True,
        }
        (none,) = views.certificates(seen(certificates=[row]))
        self.assertEqual((none.left, none.nodes, none.badge.sign), ("", ("n",), Sign.BAD))
        for left, words in ((1, "1 day"), (0, "0 days"), (-3, "")):
            (one,) = views.certificates(seen(certificates=[{**row, "DaysLeft": left}]))
            self.assertEqual(one.left, words)
