"""Which volumes of a definition keep their data on the node's disk."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.wanted.container import Container


def kept(**fields: Any) -> tuple[str, ...]:
    return Container.read({"Image": "web:1", **fields}).kept_volumes


class KeptVolumesTests(SynchronousTestCase):
    def test_named(self) -> None:
        """A volume with a name, wherever it stands and even if it is only read, each once and sorted."""
        self.assertEqual(kept(Volumes=["logs:/logs", "data:/data:ro"]), ("data", "logs"))
        self.assertEqual(kept(Binds=["data:/data"], Volumes=["data:/more"]), ("data",))
        self.assertEqual(kept(Mounts=[{"type": "volume", "SOURCE": "data", "Target": "/data"}]), ("data",))

    def test_others(self) -> None:
        """Directories of the host, volumes without a name, and what is in memory."""
        self.assertEqual(kept(), ())
        self.assertEqual(kept(Volumes=["/data", "/host:/data"], Binds=["/etc:/etc:ro"]), ())
        mounts = [
            {"Type": "tmpfs", "Target": "/tmp"},
            {"Type": "volume", "Target": "/data"},
            {"Type": "bind", "Source": "/host", "Target": "/host"},
        ]
        self.assertEqual(kept(Mounts=mounts), ())

    def test_elsewhere(self) -> None:
        """A volume whose driver or options lead to another machine keeps nothing here."""
        self.assertEqual(kept(Volumes=["data:/data"], VolumeDriver="net"), ())
        self.assertEqual(kept(Volumes=["data:/data"], VolumeDriver="local"), ("data",))

        def mount(config: object) -> tuple[str, ...]:
            options = {"DriverConfig": config}
            return kept(Mounts=[{"Type": "volume", "Source": "data", "Target": "/d", "VolumeOptions": options}])

        self.assertEqual(mount({"Name": "net"}), ())
        self.assertEqual(mount({"Name": "local", "Options": {"type": "nfs", "device": ":/x"}}), ())
        self.assertEqual(mount({"Name": "local", "Options": {}}), ("data",))
        self.assertEqual(mount(None), ("data",))
