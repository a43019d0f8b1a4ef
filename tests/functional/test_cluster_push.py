"""An image pushed to hosts: what crosses the network, a host that is lost, and one that takes it from another host."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from docker import APIClient
from docker.errors import ImageNotFound
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.images import ImageStock
from daprdockr.planning.handing import lacking
from tests.build.images import tarred
from tests.rig.cluster.cluster import COMMAND, missing, shared
from tests.rig.cluster.host import AGENT, Host
from tests.rig.docker_engine import SAMPLE, PrivateEngine
from tests.rig.layered import build_layers

LARGE, SMALL = 62_000_000, 100_000
SLOW = 12_000_000
"""Octets that take many seconds over a line with a delay."""
PEER = 5081


class OnTheHosts(SynchronousTestCase):
    """Images on the Engines of the hosts, which are gone afterwards."""

    timeout = 600
    skip = missing()
    repository = "shop/web"

    def setUp(self) -> None:
        self.cluster = shared()
        self.cluster.reset()
        self.addCleanup(self.forget)

    def forget(self) -> None:
        for host in self.cluster.hosts:
            with closing(APIClient(base_url=host.engine, version="auto")) as client:
                for image in client.images(self.repository):
                    client.remove_image(image["Id"], force=True)

    def id_on(self, host: Host, image: str) -> str:
        with closing(APIClient(base_url=host.engine, version="auto")) as client:
            try:
                return str(client.inspect_image(image)["Id"])
            except ImageNotFound:
                return ""


class AskedTests(OnTheHosts):
    """An image that one host alone has, in a registry that does not exist."""

    repository = "localhost:1/shop/web"

    def forget(self) -> None:
        """The services have to go first, because an Engine keeps what runs."""
        self.cluster.reset()
        super().forget()

    def build(self, host: Host, tag: str) -> str:
        """Build an image with a layer that no other has upon that of all instances; return its id."""
        files = {"Dockerfile": f"FROM {SAMPLE}\nCOPY new /new\n".encode(), "new": os.urandom(SMALL)}
        context = io.BytesIO(tarred(files))
        with closing(APIClient(base_url=host.engine, version="auto")) as client:
            said = [*client.build(fileobj=context, custom_context=True, tag=tag, rm=True, decode=True)]
            self.assertFalse([line for line in said if "error" in line])
            return str(client.inspect_image(tag)["Id"])

    def restart_agent(self, host: Host, options: tuple[str, ...] | None = None) -> None:
        host.end(AGENT)
        self.cluster.start_agent(host, options)

    def define(self, service: str, image: str, host: Host) -> None:
        placement = {"Constraints": [f"node == {host.name}"]}
        self.cluster.define(service, 1, Container={"Image": image}, Placement=placement)

    def reasons(self, service: str) -> list[str]:
        return [str(claim.get("Reason", "")) for claim in self.cluster.claims(service).values()]

    def test_asked(self) -> None:
        """
        A host that has to run it takes it from the one that has it, a moment after that was pushed there, and an event
        says so. A host that asks no others goes to the registry, and has it not.
        """
        builds, has, lacks = self.cluster.hosts
        image = f"{self.repository}:1"
        id = self.build(builds, image)
        command = ["env", f"DOCKER_HOST={builds.engine}", COMMAND, "-etcd", self.cluster.etcd.urls]
        subprocess.run([*command, "push", image, "-node", has.name], check=True, capture_output=True, timeout=120)
        with closing(APIClient(base_url=builds.engine, version="auto")) as client:
            client.remove_image(image)
        self.define("web.shop", image, lacks)
        self.cluster.until_settled("web.shop", 1)
        self.assertEqual([self.id_on(host, image) for host in self.cluster.hosts], ["", id, id])
        text = f"node {has.name} handed the image to this one"
        self.cluster.until(lambda: text in self.cluster.command("events"), "an event says so")
        self.restart_agent(builds, ("--no-rebalance", "--no-peer-images"))
        self.addCleanup(self.restart_agent, builds)
        self.define("api.shop", image, builds)
        seen = lambda: any("could not be pulled" in reason for reason in self.reasons("api.shop"))  # noqa: E731
        self.cluster.until(seen, "the registry does not give it")
        self.assertEqual(self.id_on(builds, image), "")


class PushTests(OnTheHosts):
    """Images of 62 MB, of which 100 kB differ, on the Engine of a desk that is no host of the cluster."""

    def setUp(self) -> None:
        super().setUp()
        self.desk = PrivateEngine()
        self.addCleanup(self.desk.end)
        self.base = os.urandom(LARGE)

    def build(self, tag: str) -> str:
        """Build an image upon the large layer; return its id."""
        return build_layers(self.desk.url, tag, self.base, os.urandom(SMALL))

    @property
    def command(self) -> list[str]:
        return ["env", f"DOCKER_HOST={self.desk.url}", COMMAND, "-etcd", self.cluster.etcd.urls, "push"]

    def push(self, *words: str) -> tuple[int, Mapping[str, Any], str]:
        """Push an image; the exit status, what it printed as JSON, and on stderr."""
        done = subprocess.run([*self.command, *words, "-o", "json"], capture_output=True, text=True, timeout=300)
        return done.returncode, json.loads(done.stdout or "{}"), done.stderr

    def received(self, told: Mapping[str, Any]) -> dict[str, int]:
        return {one["Node"]: one["Octets"] for one in told["Nodes"]}

    def carried(self) -> list[int]:
        """Octets that each host has received at all."""
        shown = [host.machine.run("ip", "-s", "-j", "link", "show", "eth0") for host in self.cluster.hosts]
        return [int(json.loads(one)[0]["stats64"]["rx"]["bytes"]) for one in shown]

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
        self.assertTrue(min(grown) > SMALL and max(grown) < LARGE / 10, grown)
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
        for turn, end in enumerate((": ", " has it")):
            image = f"shop/web:{turn}"
            self.base = os.urandom(SLOW)
            id = self.build(image)
            order = [*lacking(id, {host.name: ImageStock(0) for host in self.cluster.hosts})]
            number, sign = int(order[turn].removeprefix("host")), order[0] + end
            lost = self.cluster.host(number)
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
            if turn == 0:
                self.cluster.boot()
                self.cluster.until_well()
