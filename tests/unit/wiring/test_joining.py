"""The part of a host in a cluster of ``init``: what it makes an agent do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.statedir import StateDir
from daprdockr.etcd.cluster_files import LEFT, ClusterFiles
from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import HostPart
from daprdockr.model.stored.node import NodeRecord
from daprdockr.wiring.embedding import flags_of_member
from daprdockr.wiring.foundation import Foundation, foundation
from daprdockr.wiring.joining import admitting, is_silent, own_member, reported
from daprdockr.wiring.real import real
from tests.build.settings import settings
from tests.fakes.etcd_members import member
from tests.fakes.log_lines import LogLines
from tests.fakes.run import LoopClock
from tests.fakes.store import MemoryStore

FIRST = HostPart("a", "127.0.0.1", ("a=https://127.0.0.1:2380",), "5f")


class JoiningTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.files = ClusterFiles(Path(self.mktemp()).absolute())
        self.files.write(self.files.host, FIRST.encode())

    def base(self, **changed: Any) -> Foundation:
        chosen = settings("a", self.files.state, **changed)
        state = StateDir(chosen.state_dir)
        return foundation(chosen, state, real(chosen, state, LoopClock()))

    def test_founded(self) -> None:
        """An agent of such a cluster admits hosts and follows the members; any other one does neither."""
        base = self.base(founded=True)
        make = admitting(base)
        assert make is not None and own_member(base, None) is not None
        session: Any = make(None, None)  # type: ignore[arg-type]
        self.assertEqual(session._admission.now().tzname(), "UTC")
        base.outside.etcd.connections.move(base.settings.etcd.endpoints)
        self.assertEqual(base.outside.machine.default_address(), "127.0.0.1")  # it is that of the host's part
        other = self.base()
        self.assertEqual((admitting(other), own_member(other, None)), (None, None))
        other.outside.etcd.connections.move(other.settings.etcd.endpoints)

    def test_other_name(self) -> None:
        """An agent that has another name than its host when that joined says so: commands here wait for the other."""
        lines = LogLines(self)
        own_member(self.base(founded=True), None)
        self.assertEqual(lines("this host joined as"), [])
        self.files.write(self.files.host, evolve(FIRST, node="b").encode())
        own_member(self.base(founded=True), None)
        self.assertEqual(len(lines("--node is a, and this host joined as b")), 1)

    def test_given_up_leaving(self) -> None:
        """An agent that begins forgets that all was handed over: ``leave`` must do it anew. One that left has left."""
        for mark, stays in ((b"", False), (LEFT, True)):
            self.files.write(self.files.leaving, mark)
            own_member(self.base(founded=True), None)
            self.assertEqual(self.files.leaving.exists(), stays)

    def test_silent(self) -> None:
        """A silent member has begun, does not answer, and its agent does not report to an etcd that answers."""
        store, base = MemoryStore(), self.base(founded=True)
        gone, keys = member(1, "b"), base.cluster.keys
        told = lambda one: is_silent(store, keys, lambda url: False, one)  # noqa: E731
        self.assertTrue(told(gone))
        self.assertFalse(told(member(1)))
        self.assertFalse(is_silent(store, keys, lambda url: True, gone))
        store.unavailable = True
        self.assertFalse(told(gone))
        store.unavailable = False
        store.put(keys.node("b"), b"{}")
        self.assertFalse(told(gone))

    def test_reported(self) -> None:
        """The addresses of a node are those in its record."""
        store, keys = MemoryStore(), self.base(founded=True).cluster.keys
        self.assertEqual(reported(store, keys, "b"), ())
        store.put(keys.node("b"), NodeRecord(("10.0.0.2",)).encode())
        self.assertEqual(reported(store, keys, "b"), ("10.0.0.2",))

    def test_flags(self) -> None:
        """The flags of the member are read before each start: it may have been taken out."""
        flags = flags_of_member(self.files)
        data = self.files.state / "etcd" / "data"
        self.assertIn("--initial-cluster-token=5f", flags(data))
        self.files.write(self.files.began, b"")
        self.assertIn("are gone", str(self.assertRaises(BadInput, flags, data)))
        (data / "member").mkdir(parents=True)
        self.files.write(self.files.recovery, b"")
        self.assertEqual(["--force-new-cluster" in flags(data) for _ in range(2)], [True, False])
        self.files.write(self.files.host, HostPart("a", "127.0.0.1").encode())
        self.assertRaises(BadInput, flags, data)

    def test_address_gone(self) -> None:
        """A member that cannot listen where the others know it is not started, and the log says what to do."""
        self.files.write(self.files.recovery, b"")
        self.files.write(self.files.host, evolve(FIRST, address="192.0.2.1").encode())
        flags = flags_of_member(self.files)
        refused = str(self.assertRaises(BadInput, flags, self.files.state / "etcd" / "data"))
        self.assertIn("has the address 192.0.2.1, where the others know its member: give it", refused)
        self.assertTrue(self.files.recovery.exists())

    def test_data_gone(self) -> None:
        """A member that joined is not started without the data that it had either, as on a disk that is not mounted."""
        flags, data = flags_of_member(self.files), self.files.state / "etcd" / "data"
        self.files.write(self.files.host, evolve(FIRST, cluster="").encode())
        self.assertIn("--initial-cluster-state=existing", flags(data))
        self.files.write(self.files.began, b"")
        self.assertIn("and join again", str(self.assertRaises(BadInput, flags, data)))
        (data / "member").mkdir(parents=True)
        flags(data)
