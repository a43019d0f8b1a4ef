"""``EmbeddedEtcd`` with a real etcd: start, restart, adoption, stop."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from daprdockr.etcd.address import Access
from daprdockr.etcd.embedded import EmbeddedEtcd, private_flags
from daprdockr.etcd.store import EtcdStore
from daprdockr.model.errors import EtcdUnavailable
from tests.build.ports import free_port
from tests.rig.docker_engine import until
from tests.rig.etcd_members import missing


class EmbeddedEtcdTests(TestCase):
    """``EmbeddedEtcd``."""

    skip = missing()
    timeout = 120

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.access = Access.parse(f"http://localhost:{free_port()}")
        self.store = EtcdStore(self.access, 2.0)
        self.addCleanup(self.store.close)

    def embedded(self, *, stop_at_exit: bool = True, directory: Path | None = None) -> EmbeddedEtcd:
        return EmbeddedEtcd(
            flags=private_flags(self.access),
            directory=directory or self.directory,
            reactor=reactor,
            environment=dict(os.environ),
            stop_at_exit=stop_at_exit,
        )

    async def value(self) -> Any:
        """The value that is stored at /a, once etcd answers."""
        return await deferToThread(self._value)

    async def put(self) -> int:
        """Store something at /a, once etcd answers; returns the id of the cluster."""
        await self.value()
        await deferToThread(self.store.put, "/a", b"kept")
        return (await deferToThread(self.store.list, "/")).cluster_id

    def _value(self) -> Any:
        found: list[Any] = []

        def answered() -> bool:
            try:
                found.append(self.store.get("/a"))
            except EtcdUnavailable:
                return False
            return True

        until(answered)
        return found[0] and found[0].value

    async def test_data_stays(self) -> None:
        """After a stop it is gone; started again it has its data."""
        first = self.embedded()
        first.startService()
        await self.put()
        pid = first.pid
        assert pid is not None
        await first.stopService()  # type: ignore[misc]  # it runs, so there is a Deferred
        self.assertRaises(ProcessLookupError, os.kill, pid, 0)
        second = self.embedded()
        second.startService()
        self.assertEqual(await self.value(), b"kept")
        await second.stopService()  # type: ignore[misc]  # it runs, so there is a Deferred

    async def test_killed(self) -> None:
        """Killed, it is started again with its data."""
        etcd = self.embedded()
        etcd.startService()
        await self.put()
        pid = etcd.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await deferToThread(until, lambda: etcd.pid not in (None, pid))
        self.assertEqual(await self.value(), b"kept")
        await etcd.stopService()  # type: ignore[misc]  # it runs, so there is a Deferred

    async def test_damaged(self) -> None:
        """The reason why it does not start is in its condition."""
        (self.directory / "data/member/snap").mkdir(parents=True)
        (self.directory / "data/member/wal").mkdir()
        (self.directory / "data/member/snap/db").write_text("damaged")
        etcd = self.embedded()
        etcd.startService()
        await deferToThread(until, lambda: etcd.condition is not None)
        self.assertIn("failed to open database: ", str(etcd.condition))
        etcd.stopService()

    async def test_adopted(self) -> None:
        """One that was left running is adopted, not started twice, and stopped when that is asked for."""
        first = self.embedded(stop_at_exit=False)
        first.startService()
        await self.put()
        pid = first.pid
        assert pid is not None
        first.stopService()
        self.assertEqual(await self.value(), b"kept")
        second = self.embedded()
        second.startService()
        self.assertEqual(second.pid, pid)
        await second.stopService()  # type: ignore[misc]  # it runs, so there is a Deferred
        self.assertIsNone(second.pid)

    async def test_each_is_a_cluster_of_its_own(self) -> None:
        """Two that began with empty directories at the same endpoint differ in cluster id."""
        ids = set()
        for name in ("one", "two"):
            etcd = self.embedded(directory=self.directory / name)
            etcd.startService()
            ids.add(await self.put())
            await etcd.stopService()  # type: ignore[misc]  # it runs, so there is a Deferred
        self.assertEqual(len(ids), 2)
