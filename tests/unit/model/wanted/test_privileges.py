"""What a definition asks of a host beyond an ordinary container, by name."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.wanted.container import Container
from daprdockr.model.wanted.privileges import PRIVILEGES, refusal

NEEDED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"Privileged": True}, "privileged"),
    ({"Binds": ["/:/host"]}, "binds"),
    ({"Binds": ["./here:/host"]}, "binds"),
    ({"Volumes": ["/etc:/etc:ro"]}, "binds"),
    ({"Mounts": [{"Type": "bind", "Source": "/", "Target": "/host"}]}, "binds"),
    ({"Mounts": [{"type": "bind", "source": "/", "target": "/host"}]}, "binds"),
    ({"Mounts": [{"Type": "volume", "TYPE": "bind", "Source": "/", "Target": "/host"}]}, "binds"),
    ({"Mounts": [{"Source": "/", "Target": "/host"}]}, "binds"),
    (
        {"Mounts": [{"Type": "volume", "volumeoptions": {"driverConfig": {"Options": {"o": "bind", "device": "/"}}}}]},
        "binds",
    ),
    ({"Devices": [{"PathOnHost": "/dev/sda"}]}, "host-devices"),
    ({"DeviceRequests": [{"Driver": "nvidia"}]}, "host-devices"),
    ({"DeviceCgroupRules": ["a *:* rwm"]}, "host-devices"),
    ({"CapAdd": ["CHOWN", "SYS_ADMIN"]}, "capabilities"),
    ({"CapAdd": ["all"]}, "capabilities"),
    ({"CapAdd": ["cap_net_admin"]}, "capabilities"),
    ({"PidMode": "host"}, "host-namespaces"),
    ({"IpcMode": "container:other"}, "host-namespaces"),
    ({"UTSMode": "host"}, "host-namespaces"),
    ({"UsernsMode": "host"}, "host-namespaces"),
    ({"CgroupnsMode": "host"}, "host-namespaces"),
    ({"SecurityOpt": ["seccomp=unconfined"]}, "security-opt"),
    ({"SecurityOpt": ["no-new-privileges", "apparmor=unconfined"]}, "security-opt"),
    ({"VolumesFrom": ["other"]}, "volumes-from"),
    ({"Runtime": "runc"}, "runtime"),
    ({"CgroupParent": "/"}, "runtime"),
    ({"OomKillDisable": True}, "runtime"),
    ({"OomScoreAdj": -1}, "runtime"),
    ({"VolumeDriver": "sshfs"}, "volume-drivers"),
    ({"HostConfig": {"Privileged": True}}, "privileged"),
)

HARMLESS: tuple[dict[str, Any], ...] = (
    {},
    {"Privileged": False},
    {"Binds": ["data:/data:ro"], "Volumes": ["/cache", "data:/data"], "VolumeDriver": "local"},
    {"Mounts": [{"Type": "volume", "Source": "data", "Target": "/d"}, {"Type": "tmpfs", "Target": "/t"}]},
    {"CapAdd": ["NET_BIND_SERVICE", "cap_chown"], "CapDrop": ["ALL"]},
    {"IpcMode": "private", "PidMode": "", "SecurityOpt": ["no-new-privileges:true"]},
    {"Memory": 1 << 30, "PidsLimit": 10, "OomScoreAdj": 500, "User": "root", "Tmpfs": {"/t": ""}},
)


def privileges(fields: dict[str, Any]) -> frozenset[str]:
    return Container.read({"Image": "web:1", **fields}).privileges


class PrivilegesTests(SynchronousTestCase):
    def test_needed(self) -> None:
        """Each way out of a container needs its privilege, and no other."""
        for fields, name in NEEDED:
            self.assertEqual(privileges(fields), {name}, fields)

    def test_all_are_tried(self) -> None:
        """There is no privilege that nothing needs."""
        self.assertEqual({name for _, name in NEEDED}, set(PRIVILEGES))

    def test_harmless(self) -> None:
        """What stays inside the container needs none."""
        for fields in HARMLESS:
            self.assertEqual(privileges(fields), set(), fields)

    def test_refusal(self) -> None:
        """The refusal names all that is missing, and both remedies."""
        self.assertIn("--allow binds,privileged, or change", refusal({"privileged", "binds"}))
