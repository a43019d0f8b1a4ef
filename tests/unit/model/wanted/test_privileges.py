"""The privileges that a definition needs on a host beyond an ordinary container, by name."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import Volume
from daprdockr.model.wanted.container import Container
from daprdockr.model.wanted.engine_fields import CONFIG_FIELDS, HOST_FIELDS
from daprdockr.model.wanted.privileges import PRIVILEGES, needed_for, refusal

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
    ({"PidMode": "ns:/proc/1/ns/pid"}, "host-namespaces"),
    ({"UsernsMode": "HOST"}, "host-namespaces"),
    ({"LogConfig": {"Type": "syslog", "Config": {"syslog-address": "unixgram:///dev/log"}}}, "log-drivers"),
    ({"LogConfig": {"type": "fluentd"}}, "log-drivers"),
    ({"LogConfig": {"Type": "json-file", "TYPE": "gelf"}}, "log-drivers"),
    ({"LogConfig": {"Config": {"syslog-address": "unix:///run/docker.sock"}}}, "log-drivers"),
    ({"LogConfig": {"Type": "json-file", "type": "", "Config": {"fluentd-address": "unix:///x"}}}, "log-drivers"),
    ({"LogConfig": {"Type": ["json-file"]}}, "log-drivers"),
    ({"HostConfig": {"LogConfig": {"Type": "awslogs"}}}, "log-drivers"),
    ({"Mounts": [{"Type": [], "Target": "/host"}]}, "binds"),
    ({"HostConfig": {"Privileged": True}}, "privileged"),
)

HARMLESS: tuple[dict[str, Any], ...] = (
    {},
    {"Privileged": False},
    {"Binds": ["data:/data:ro"], "Volumes": ["/cache", "data:/data"], "VolumeDriver": "local"},
    {"Mounts": [{"Type": "volume", "Source": "data", "Target": "/d"}, {"Type": "tmpfs", "Target": "/t"}]},
    {"CapAdd": ["NET_BIND_SERVICE", "cap_chown"], "CapDrop": ["ALL"]},
    {"IpcMode": "private", "PidMode": "", "SecurityOpt": ["no-new-privileges:true"]},
    {"IpcMode": "shareable", "CgroupnsMode": "private"},
    {"LogConfig": {}},
    {"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "tag": "x"}}},
    {"LogConfig": {"Type": "local"}},
    {"LogConfig": {"type": "none", "config": {}}},
    {"LogConfig": {"Type": "", "Config": {}}},
    {"Memory": 1 << 30, "PidsLimit": 10, "OomScoreAdj": 500, "User": "root", "Tmpfs": {"/t": ""}},
)


VOLUMES: tuple[tuple[Volume, set[str]], ...] = (
    (Volume(), set()),
    (Volume(options={"size": "10G"}), set()),
    (Volume(options={"type": "nfs", "o": "addr=10.0.0.1,rw", "device": ":/export"}), set()),
    (Volume(options={"type": "tmpfs", "o": "size=100m,uid=1000", "device": "tmpfs"}), set()),
    (Volume(options={"type": "none", "o": "bind", "device": "/"}), {"binds"}),
    (Volume(options={"type": "tmpfs", "o": "ro,rbind", "device": "/etc"}), {"binds"}),
    (Volume(options={"o": "bind", "device": "/"}), {"binds"}),
    (Volume(options={"type": "ext4", "device": "/dev/sda1"}), {"binds"}),
    (Volume(options={"type": "overlay", "o": "lowerdir=/", "device": "overlay"}), {"binds"}),
    (Volume(driver="sshfs", options={"sshcmd": "u@h:/"}), {"volume-drivers"}),
)

STAYS_INSIDE = {
    *("Image", "Cmd", "Entrypoint", "Env", "User", "WorkingDir", "Hostname", "Domainname", "ExposedPorts", "Labels"),
    *("StopSignal", "Healthcheck", "Tty", "OpenStdin", "ReadonlyRootfs", "Init", "CapDrop", "GroupAdd"),
    *("Memory", "MemorySwap", "MemoryReservation", "MemorySwappiness", "CpuShares", "NanoCpus", "CpuPeriod"),
    *("CpuQuota", "CpusetCpus", "CpusetMems", "PidsLimit", "BlkioWeight", "ShmSize", "Ulimits", "StorageOpt"),
    *("Dns", "DnsOptions", "DnsSearch", "ExtraHosts", "Tmpfs"),
    "Sysctls",  # the Engine refuses those that are not of a namespace of the container
    "NetworkMode",  # host, none, and another container's are refused
    "PortBindings",  # a port that nothing has, as any TCP route may be
}
"""The fields that need no privilege, whatever their value is."""


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
        """Fields whose effect stays inside the container need none."""
        for fields in HARMLESS:
            self.assertEqual(privileges(fields), set(), fields)

    def test_every_field_is_judged(self) -> None:
        """A field of the Engine's that is accepted either needs a privilege or is known to stay in the container."""
        judged = {name for fields, _ in NEEDED for name in fields if name != "HostConfig"}
        self.assertEqual(judged & STAYS_INSIDE, set())
        self.assertEqual(judged | STAYS_INSIDE, {*CONFIG_FIELDS, *HOST_FIELDS})

    def test_named_volumes(self) -> None:
        """The volumes that a container shares are found wherever they are named, and anonymous ones are not shared."""
        fields = {
            "Binds": ["one:/a", "two:/b:ro", "/host:/c"],
            "Volumes": ["/cache", "three:/d", "one:/e"],
            "Mounts": [
                {"Type": "volume", "Source": "four", "Target": "/f"},
                {"type": "volume", "SOURCE": "five", "\u017fource": "six", "target": "/g"},
                {"Type": "tmpfs", "Target": "/h"},
                {"Type": "volume", "Source": 7, "Target": "/i"},
            ],
        }
        found = Container.read({"Image": "web:1", **fields}).named_volumes
        self.assertEqual(found, sorted(("one", "two", "three", "four", "five", "six")))

    def test_volumes(self) -> None:
        """A volume that is there already needs the privilege of what it leads to."""
        for volume, expected in VOLUMES:
            self.assertEqual(needed_for(volume), expected, volume)

    def test_refusal(self) -> None:
        """The refusal names all that is missing, and both remedies."""
        self.assertIn("--allow binds,privileged, or change", refusal({"privileged", "binds"}))
