"""Definitions of which two copies of an instance must not run side by side, and the reasons."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.wanted.one_copy import stops_first
from tests.build.values import definition


def of(**fields: Any) -> str:
    return stops_first(definition(Container={"Image": "web:1", **fields}))


class StopsFirstTests(SynchronousTestCase):
    def test_both_may_run(self) -> None:
        """Two copies that share nothing, or only read what they share, may run side by side."""
        harmless: tuple[dict[str, Any], ...] = (
            {},
            {"ExposedPorts": ["80"]},
            {"Volumes": ["/data"]},
            {"Volumes": ["data:/data:ro"], "Binds": ["/etc/web:/etc/web:z,ro"]},
            {"Mounts": [{"Type": "volume", "Source": "data", "Target": "/data", "ReadOnly": True}]},
            {"Mounts": [{"Type": "tmpfs", "Target": "/data"}, {"Type": "volume", "Target": "/other"}]},
            {"VolumesFrom": ["other:ro"]},
            {"NetworkMode": "front"},
        )
        for fields in harmless:
            self.assertEqual(of(**fields), "", fields)

    def test_one_may_run(self) -> None:
        """Where both would have the same port, or write to the same place, the reason names it."""
        self.assertEqual(
            of(PortBindings={"5432/tcp": [{"HostPort": "5433"}]}), "only one container can have host port 5433/tcp"
        )
        shared: tuple[tuple[dict[str, Any], str], ...] = (
            ({"Volumes": ["data:/data"]}, "data"),
            ({"Binds": ["/srv/web:/data:z"]}, "/srv/web"),
            ({"Mounts": [{"type": "volume", "source": "data", "target": "/data"}]}, "data"),
            ({"Mounts": [{"Type": "bind", "Source": "/srv", "Target": "/data"}]}, "/srv"),
            ({"VolumesFrom": ["other"]}, "the volumes of other"),
        )
        for fields, place in shared:
            self.assertEqual(of(**fields), f"two copies would write to {place}")

    def test_as_wanted(self) -> None:
        """A person may want it so, and with ``OnPartition: stop`` it always is."""
        self.assertEqual(stops_first(definition(Update={"Order": "stop-first"})), "Update.Order is stop-first")
        self.assertIn("OnPartition", stops_first(definition(OnPartition="stop")))
        self.assertEqual(stops_first(definition(Update={"Order": "start-first"})), "")
