"""One service from ``daprdockrcmd`` to a container, its names and its route, on real parts."""

from __future__ import annotations

import json
from contextlib import closing

from docker import APIClient

from daprdockr.etcd.store import EtcdStore
from tests.rig.agent_case import HTTP, AgentTestCase
from tests.rig.docker_engine import sample_image, until
from tests.rig.etcd_members import shared


class WholePathTests(AgentTestCase):
    """From a definition to what people and programs see of it."""

    def test_set(self) -> None:
        """``-set`` prints the definition; its instances run, have names, and answer under the HTTP host name."""
        flags = ["-image", sample_image(), "-instances", "3", "-http-host", "demo.test", "-http-port", "8080"]
        printed = self.agent.command("-svc", self.web, "-set", *flags)
        self.assertEqual(json.loads(printed)["Http"], HTTP)
        self.assertEqual(self.agent.command("-svc", self.web, "-get"), printed)
        self.agent.command("wait", self.web)

        ports = {one["Instance"]: one["Ports"][0]["Host"] for one in self.agent.instances(self.web)}
        self.assertEqual(sorted(ports), [f"{number}.{self.web}" for number in (1, 2, 3)])
        self.assertEqual(self.agent.dig(f"1.{self.web}.container"), "127.0.0.1")
        self.assertEqual(self.agent.dig(f"{self.web}.container"), "127.0.0.1")
        self.assertEqual(
            self.agent.dig(f"8080.tcp.1.{self.web}.container", "SRV"),
            f"0 1 {ports[f'1.{self.web}']} 1.{self.web}.container.",
        )
        self.assertEqual(self.agent.status(f"1.{self.web}.container", "AAAA"), "NOERROR")
        self.assertEqual(self.agent.dig(f"1.{self.web}.container", "AAAA"), "")
        everyone = {f"{instance} 1" for instance in ports}
        until(lambda: self.agent.served_by("demo.test") == everyone)

    def test_stdin(self) -> None:
        """``-stdin`` does what ``-set`` does."""
        name, group = self.web.split(".")
        definition = {
            "Name": name,
            "Group": group,
            "Instances": 2,
            "Container": {"Image": sample_image()},
            "Http": HTTP,
        }
        printed = self.agent.command("-stdin", stdin=json.dumps(definition))
        flags = ["-image", sample_image(), "-instances", "2", "-http-host", "demo.test", "-http-port", "8080"]
        self.assertEqual(self.agent.command("-svc", self.web, "-set", *flags), printed)
        self.agent.command("wait", self.web)
        self.assertEqual(len(self.agent.ids(self.web)), 2)

    def test_shrink_and_delete(self) -> None:
        """Fewer instances leave the first ones as they were; ``-del`` leaves no container, name or route."""
        self.agent.define(self.web, 3, sample_image(), Http=HTTP)
        first = self.agent.ids(self.web)[0]
        self.agent.command("-svc", self.web, "-set", "-instances", "1")
        until(lambda: len(self.agent.containers()) == 1)
        self.assertEqual(self.agent.ids(self.web), [first])
        until(lambda: self.agent.status(f"2.{self.web}.container") == "NXDOMAIN")
        until(lambda: self.agent.served_by("demo.test") == {f"1.{self.web} 1"})

        self.agent.command("-svc", self.web, "-del")
        until(lambda: not self.agent.containers())
        until(lambda: self.agent.status(f"{self.web}.container") == "NXDOMAIN")
        until(lambda: "no service has this host name" in self.agent.curl("demo.test"))
        self.assertEqual(self.agent.run("-svc", self.web, "-get").returncode, 3)
        until(lambda: self.agent.run("ps", self.web).returncode == 3)

    def test_changed_definition(self) -> None:
        """A new definition replaces the container, on another host port; a mere new host name replaces nothing."""
        self.agent.define(self.web, 1, sample_image(), Http=HTTP)
        before, port = self.agent.ids(self.web), self.agent.instances(self.web)[0]["Ports"]
        self.agent.define(self.web, 1, sample_image(), Http=HTTP | {"HostName": "other.test"})
        until(lambda: self.agent.served_by("other.test", 1) == {f"1.{self.web} 1"})
        self.assertEqual(self.agent.ids(self.web), before)

        container = {"Image": sample_image(), "Env": ["COLOUR=blue"]}
        self.agent.define(self.web, 1, sample_image(), Container=container, Http=HTTP)
        until(lambda: len(self.agent.containers()) == 1 and self.agent.ids(self.web) not in (before, []))
        self.assertNotEqual(self.agent.instances(self.web)[0]["Ports"], port)

    def test_restart(self) -> None:
        """``restart`` replaces the container, of an image that no registry has too, and ``events`` says so."""
        self.agent.define(self.web, 1, sample_image(), Http=HTTP)
        before = self.agent.ids(self.web)
        self.agent.command("restart", self.web)
        until(lambda: len(self.agent.containers()) == 1 and self.agent.ids(self.web) not in (before, []))
        self.agent.command("wait", self.web)
        self.assertIn("restarted with the image of that name that is here", self.agent.command("events"))


class TroubledServiceTests(AgentTestCase):
    """A fault of one service is reported, and harms no other service."""

    def test_image_that_can_not_be_pulled(self) -> None:
        """The instance reports why it waits; once the image is there it runs."""
        name, group = self.web.split(".")
        late = f"{self.agent.group}/late:1"
        definition = {"Name": name, "Group": group, "Instances": 1, "Container": {"Image": late}}
        self.agent.command("-stdin", stdin=json.dumps(definition))
        until(lambda: [one["State"] for one in self.agent.instances(self.web)] == ["pulling"])
        self.assertNotEqual(self.agent.instances(self.web)[0]["Reason"], "")
        until(lambda: late in self.agent.command("events"))  # an event is stored in its own time
        self.tag(late)
        self.agent.command("wait", self.web, "-timeout", "90")

    def tag(self, image: str) -> None:
        """Give the sample image another name, for this test."""
        client = APIClient(base_url=self.agent.engine, version="auto")
        self.addCleanup(client.close)
        client.tag(sample_image(), image.partition(":")[0], "1")
        self.addCleanup(client.remove_image, image)

    def test_container_that_crashes(self) -> None:
        """It is started again and again, later each time, and its state is ``backing-off``."""
        name, group = self.web.split(".")
        container = {"Image": sample_image(), "Entrypoint": ["/bin/sh", "-c", "exit 3"]}
        definition = {"Name": name, "Group": group, "Instances": 1, "Container": container}
        self.agent.command("-stdin", stdin=json.dumps(definition))
        until(lambda: [one["State"] for one in self.agent.instances(self.web)] == ["backing-off"])
        self.assertIn("exit status 3", self.agent.instances(self.web)[0]["Reason"])
        self.assertEqual(self.agent.status(f"1.{self.web}.container"), "NXDOMAIN")

    def test_broken_values(self) -> None:
        """A value that cannot be read is logged once and shown as an event, and every other service goes on."""
        broken = {"garbage": b"\x00\xff", "shape": b'{"Name": 5}', "large": b"x" * (1024 * 1024)}
        keys = {name: f"/{self.agent.group}/services/{self.agent.group}/{name}" for name in broken}
        with closing(EtcdStore(shared().access)) as store:
            for name, value in broken.items():
                store.put(keys[name], value)
        self.agent.define(self.web, 1, sample_image())
        until(lambda: all(key in self.agent.command("events") for key in keys.values()))
        for key in keys.values():
            self.assertEqual(self.agent.log.count(f"event: {key}"), 1)
        until(self.agent.is_well)
