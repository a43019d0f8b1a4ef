"""The page of one service."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.page.service import ServiceSeen, service_page
from daprdockr.picture.instances import instance_table
from daprdockr.picture.services import service_table
from daprdockr.picture.timeline import Happening
from daprdockr.picture.why import Evidence, why
from tests.build.history import claimed, defined, listing
from tests.build.page import HOSTILE, NOW, nodes, running
from tests.build.values import KEYS, WEB, definition


def seen(*entries: Any, **changed: Any) -> ServiceSeen:
    cluster = Cluster(KEYS)
    cluster.replace(listing(100, *entries))
    (row,) = service_table(cluster, only=WEB).rows
    found = ServiceSeen(
        "a", NOW, True, row, instance_table(cluster, WEB).rows, why(cluster, WEB, Evidence(), now=NOW), (), ""
    )
    return evolve(found, **changed)


class ServicePageTests(SynchronousTestCase):
    def test_well(self) -> None:
        """A service that is well has its instances, and no advice."""
        text = service_page(seen(*nodes(), *running(definition(instances=3))))
        for words in (
            "3 of 3 instances healthy",
            "27100-&gt;8080/tcp",
            "logs -f web.myapp",
            "Nothing was reported",
        ):
            self.assertIn(words, text)
        self.assertNotIn("What a person can do", text)

    def test_one(self) -> None:
        """One instance and one line are no instances and lines."""
        happened = (Happening(NOW, "a", "1.web.myapp", "exited", ("fatal",)),)
        text = service_page(seen(*nodes(), *running(definition(instances=1)), happened=happened))
        for words in ("1 of 1 instance healthy", "<summary>its last line</summary>"):
            self.assertIn(words, text)

    def test_unwell(self) -> None:
        """One that is not says why, for each node too, and what a person can do."""
        wanted = definition(instances=2, Placement={"Constraints": ["disk == ssd"]})
        failing = ClaimRecord(node="host-a", state=State.BACKING_OFF, definition=wanted.digest, reason="it exited")
        happened = (Happening(NOW, "anna@desk", "web.myapp", "stored", is_by_person=True),)
        found = seen(
            *nodes(), defined(wanted, 9), claimed(InstanceName(WEB, 1), failing, 20), happened=happened, in_touch=False
        )
        text = service_page(found)
        for words in ("What a person can do", "disk == ssd", "it exited", "anna@desk", "does not follow etcd now"):
            self.assertIn(words, text)

    def test_rolling_out(self) -> None:
        """While it is rolled out it is said how far that is."""
        text = service_page(seen(*nodes(), *running(definition(instances=2), digest="0" * 12)))
        self.assertIn("0 of 2 replaced", text)

    def test_hostile(self) -> None:
        """Markup in whatever others wrote is text."""
        quiet = seen(defined(definition(), 9))
        row = {**quiet.row, "Reason": HOSTILE}
        instances = [{**one, "Reason": HOSTILE, "Node": HOSTILE} for one in quiet.instances]
        happened = (Happening(NOW, HOSTILE, HOSTILE, HOSTILE, (HOSTILE,)),)
        text = service_page(
            evolve(quiet, node=HOSTILE, row=row, instances=instances, happened=happened, unread=HOSTILE)
        )
        self.assertNotIn("<img", text)
        self.assertEqual(text.count("<script"), 1)
        self.assertIn("No node has an agent", text)
