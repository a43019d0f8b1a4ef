"""An image pushed from a machine of its own to three hosts: what crosses the network, and a host that is lost."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from docker import APIClient
from docker.errors import ImageNotFound
from twisted.trial.unittest import SynchronousTestCase

from tests.rig.cluster.cluster import COMMAND, missing, shared
from tests.rig.cluster.host import AGENT, Host
from tests.rig.docker_engine import PrivateEngine

LARGE, SMALL = 62_000_000, 100_000
SLOW = 12_000_000
"""Octets that take many seconds over a line with a delay."""
PEER = 5081


class PushTests(SynchronousTestCase):
    """Images of 62 MB, of which 100 kB differ, on the Engine of a desk that is no host of the cluster."""

    timeout = 600
    skip = missing()

    def setUp(self) -> None:
        self.cluster = shared()
        self.cluster.reset()
        self.desk = PrivateEngine()
        self.addCleanup(self.desk.end)
        self.base = os.urandom(LARGE)
        self.addCleanup(self.forget)

    def forget(self) -> None:
        for host in self.cluster.hosts:
            with closing(APIClient(base_url=host.engine, version="auto")) as client:
                for image in client.images("shop/web"):
                    client.remove_image(image["Id"], force=True)

    def build(self, tag: str) -> str:
        """Build an image upon the large layer; return its id."""
        context = io.BytesIO()
        files = {"Dockerfile": b"FROM scratch\nADD large /\nADD small /\n", "large": self.base}
        with tarfile.open(fileobj=context, mode="w") as tar:
            for name, content in {**files, "small": os.urandom(SMALL)}.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        context.seek(0)
        with closing(APIClient(base_url=self.desk.url, version="auto")) as client:
            said = [*client.build(fileobj=context, custom_context=True, tag=tag, decode=True)]
            self.assertFalse([line for line in said if "error" in line])
            return str(client.inspect_image(tag)["Id"])

    @property
    def command(self) -> list[str]:
        return ["env", f"DOCKER_HOST={self.desk.url}", COMMAND, "-etcd", self.cluster.etcd.urls, "push"]

    def push(self, *words: str) -> tuple[int, Mapping[str, Any], str]:
        """Push an image; the exit status, what it printed as JSON, and on stderr."""
        done = subprocess.run([*self.command, *words, "-o", "json"], capture_output=True, text=True, timeout=300)
        return done.returncode, json.loads(done.stdout or "{}"), done.stderr

    def id_on(self, host: Host, image: str) -> str:
        with closing(APIClient(base_url=host.engine, version="auto")) as client:
            try:
                return str(client.inspect_image(image)["Id"])
            except ImageNotFound:
                return ""

    def received(self, told: Mapping[str, Any]) -> dict[str, int]:
        return {one["Node"]: one["Octets"] for one in told["Nodes"]}

    def carried(self) -> list[int]:
        """Octets that each host has received at all."""
        path = "/sys/class/net/eth0/statistics/rx_bytes"
        return [int(host.machine.run("cat", path)) for host in self.cluster.hosts]

    def assert_on(self, image: str, id: str, *hosts: Host) -> None:
        self.assertEqual([self.id_on(host, image) for host in hosts or self.cluster.hosts], [id] * len(hosts or "abc"))

    def test_pushed(self) -> None:
        """
        Three hosts that have nothing receive all of it, and the desk sends it once. Of an image that has changed a
        little they receive the new layer, of one with another name a description, and of one that they have nothing. A
        name that can be none, an image that is not here, and a node that does not exist are one line each.
        """
        first, second = self.build("shop/web:1"), self.build("shop/web:2")
        status, told, said = self.push("shop/web:1")
        self.assertEqual((status, told["Image"]), (0, first), said)
        self.assertTrue(LARGE < told["Sent"] < 1.05 * LARGE, told)
        self.assertTrue(all(LARGE < octets < 1.05 * LARGE for octets in self.received(told).values()), told)
        self.assert_on("shop/web:1", first)
        before = self.carried()
        status, told, said = self.push("shop/web:2")
        grown = [now - then for now, then in zip(self.carried(), before, strict=True)]
        self.assertEqual((status, told["Image"]), (0, second), said)
        self.assertTrue(SMALL < told["Sent"] < 3 * SMALL, told)
        self.assertTrue(all(SMALL < octets < 3 * SMALL for octets in self.received(told).values()), told)
        self.assertTrue(max(grown) < LARGE / 10, grown)
        self.assert_on("shop/web:2", second)
        with closing(APIClient(base_url=self.desk.url, version="auto")) as client:
            client.tag("shop/web:2", "shop/web", "stable")
        status, told, said = self.push("shop/web:stable", "-node", "host1,host3")
        self.assertEqual((status, {*self.received(told)}), (0, {"host1", "host3"}), said)
        self.assertTrue(0 < told["Sent"] < SMALL, told)
        self.assertEqual([self.id_on(host, "shop/web:stable") for host in self.cluster.hosts], [second, "", second])
        status, told, said = self.push("shop/web:2")
        self.assertEqual((status, told["Sent"], set(self.received(told).values())), (0, 0, {0}), said)
        self.assertEqual(self.cluster.stored("sessions/"), {})
        for words, status, text in (
            (["Shop/Web:1"], 2, "write its name and tag"),
            (["shop/web:9"], 3, "has no image shop/web:9"),
            (["shop/web:9", "-node", "host9"], 3, "node host9 does not exist"),
        ):
            found, _, said = self.push(*words)
            self.assertEqual((found, len(said.splitlines())), (status, 1), said)
            self.assertIn(text, said)

    def test_lost(self) -> None:
        """
        A host whose agent is killed while the image comes is named, and the others have it; so is one that is killed
        while it is handed the image by another host.
        """
        for number, sign in ((1, "host1: "), (2, "host1 has it")):
            image, lost = f"shop/web:{number}", self.cluster.host(number)
            self.base = os.urandom(SLOW)
            id = self.build(image)
            self.cluster.network.slow_down(number, delay=0.3, ports=[PEER])
            with subprocess.Popen([*self.command, image], stderr=subprocess.PIPE, text=True) as pushing:
                assert pushing.stderr is not None
                said = ""
                for line in pushing.stderr:
                    said += line
                    if line.startswith(sign) and lost.runs(AGENT):
                        lost.kill(AGENT)
            self.cluster.network.heal_line(number)
            self.assertEqual(pushing.returncode, 1, said)
            self.assertIn("is on 2 of 3 nodes", said.splitlines()[-1])
            self.assertIn(f"host{number}: node host{number}", said.splitlines()[-1])
            self.assert_on(image, id, *(host for host in self.cluster.hosts if host is not lost))
            if number == 1:
                self.cluster.boot()
                self.cluster.until_well()
