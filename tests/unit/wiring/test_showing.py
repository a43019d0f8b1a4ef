"""The documents of the API agree with the tables of the command line, in touch with etcd and out of touch."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

from attrs import evolve

from daprdockr.model.etcd_look import KnownRoom
from daprdockr.model.stored.certificate import CertificateFacts, CertificateRecord
from daprdockr.wiring.showing import documents
from tests.build.values import KEYS, definition
from tests.build.whole import WholeCase
from tests.fakes.etcd_upkeep import looked, status


class ShowingTests(WholeCase):
    def made(self, name: str) -> Any:
        parts = self.agent.parts
        return json.loads(json.dumps(documents(parts.base, parts.found)[name]()))

    def test_rows(self) -> None:
        """Services, instances and nodes are there as they are in etcd now."""
        self.cluster.define(definition(instances=2))
        record = CertificateRecord("s", "k", CertificateFacts(("ended.test",), 0, 2.0))
        self.cluster.store.put(KEYS.certificate("ended.test"), record.encode())
        self.cluster.advance(3)
        (service,) = self.made("services")
        self.assertEqual((service["Service"], service["Wanted"], service["Healthy"]), ("web.myapp", 2, 2))
        self.assertEqual([row["Instance"] for row in self.made("instances")], ["1.web.myapp", "2.web.myapp"])
        self.assertEqual([(row["Node"], row["Ready"]) for row in self.made("nodes")], [("a", True)])
        status = self.made("status")
        self.assertEqual((status["Node"], status["InTouch"], status["Nodes"]), ("a", True, 1))
        self.assertEqual((status["Services"], status["Certificates"]), ([service], {"ended.test": "has ended"}))

    def test_out_of_touch(self) -> None:
        """While etcd is away the last known rows are shown, and the status says that they are no more than that."""
        self.cluster.define(definition())
        self.cluster.advance(3)
        self.cluster.store.unavailable = True
        self.cluster.advance(8)
        self.assertFalse(self.made("status")["InTouch"])
        self.assertEqual([row["Node"] for row in self.made("instances")], ["a"])

    def test_room(self) -> None:
        """That members of etcd answered is not said any more while the agent is out of touch with them."""
        parts = self.agent.parts
        room: Any = SimpleNamespace(known=KnownRoom(looked(status(1), status(2), status(3)), 1.0))
        found = evolve(parts.found, member=evolve(parts.found.member, room=room))
        made = documents(parts.base, found)["status"]
        self.assertEqual(cast(Any, made())["Etcd"]["Answering"], 3)
        self.cluster.store.unavailable = True
        self.cluster.advance(8)
        self.assertIsNone(cast(Any, made())["Etcd"])
