"""The body of ContainerCreate: what is passed on, what is added, and that the definition stays as it is."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import Image, Port
from daprdockr.model.names import InstanceName
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.keeping.body import container_body, container_labels, container_names, published
from tests.build.strategies import DEFINITIONS, INSTANCE_NAMES
from tests.build.values import definition, instance

FIRST = instance(1)


def body(ports: tuple[Port, ...] = (), resolvers: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    return container_body(FIRST, definition(Container=fields), ports, {"io.daprdockr.node": "a"}, resolvers)


class NameAndLabelTests(SynchronousTestCase):
    def test_two_generations(self) -> None:
        """Two generations of an instance have different names."""
        names = {container_names(FIRST, definition(image), "a", 7)[0] for image in ("web:1", "web:2")}
        self.assertEqual(len(names), 2)
        self.assertTrue(all(name.startswith("1.web.myapp-") for name in names))

    def test_two_on_one_engine(self) -> None:
        """Two agents, and two clusters, have no name in common; each has more than one for each container."""
        names = [container_names(FIRST, definition(), node, cluster) for node in ("a", "b") for cluster in (7, 8)]
        self.assertEqual(len({name for some in names for name in some}), 4 * 9)

    def test_labels(self) -> None:
        """The labels say whose the container is, what it was made from and on whose word."""
        self.assertEqual(
            container_labels(FIRST, definition(), "name", "a", cluster=255, revisions=(40, 30)),
            {
                "io.daprdockr.name": "name",
                "io.daprdockr.node": "a",
                "io.daprdockr.instance": "1.web.myapp",
                "io.daprdockr.definition": definition().digest,
                "io.daprdockr.cluster": "ff",
                "io.daprdockr.revision": "40",
                "io.daprdockr.defined": "30",
                "io.daprdockr.on-partition": "keep",
                "io.daprdockr.health": '{"Type":"none"}',
            },
        )
        guarded = container_labels(FIRST, definition(OnPartition="stop"), "name", "a", cluster=255, revisions=(40, 30))
        self.assertEqual(guarded["io.daprdockr.on-partition"], "stop")


class PublishedTests(SynchronousTestCase):
    """``published``"""

    def test_sctp(self) -> None:
        """A port for SCTP is published if the definition names it, and not because the image exposes it."""
        image = Image("sha256:1", exposed=(Port(80), Port(99, "sctp")))
        self.assertEqual(published(definition(), image), [(80, "tcp")])
        named = definition(Container={"Image": "web:1", "ExposedPorts": ["99/sctp"]})
        self.assertEqual(published(named, image), [(80, "tcp"), (99, "sctp")])


class BodyTests(SynchronousTestCase):
    def test_the_least(self) -> None:
        """A definition with an image alone gets a bounded log, a host name, and no restart policy."""
        self.assertEqual(
            body(),
            {
                "Image": "web:1",
                "Env": ["DAPRDOCKR_INSTANCE=1.web.myapp"],
                "Labels": {"io.daprdockr.node": "a"},
                "ExposedPorts": {},
                "Volumes": {},
                "StopTimeout": 10,
                "Hostname": "1.web.myapp",
                "HostConfig": {
                    "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
                    "PidsLimit": 4096,
                    "SecurityOpt": ["no-new-privileges"],
                    "Binds": [],
                    "PortBindings": {},
                    "RestartPolicy": {"Name": "no"},
                },
            },
        )

    def test_each_field_in_its_place(self) -> None:
        """Fields of the host go into HostConfig, all others stay at the top."""
        made = body(User="nobody", Memory=64, CpuShares=2, Env=["A=1"], Labels={"x": "y"})
        self.assertEqual((made["User"], made["Env"][0], made["Labels"]["x"]), ("nobody", "A=1", "y"))
        self.assertEqual((made["HostConfig"]["Memory"], made["HostConfig"]["CpuShares"]), (64, 2))
        self.assertNotIn("Memory", made)

    def test_memory_without_swap(self) -> None:
        """A limit of memory is one of memory and swap, unless another is given."""
        self.assertEqual(body(Memory=64)["HostConfig"]["MemorySwap"], 64)
        self.assertEqual(body(Memory=64, MemorySwap=128)["HostConfig"]["MemorySwap"], 128)
        self.assertNotIn("MemorySwap", body(Memory=0)["HostConfig"])

    def test_no_new_privileges(self) -> None:
        """No setuid program raises anybody's rights, unless the definition says that it may."""
        self.assertEqual(
            body(SecurityOpt=["label=disable"])["HostConfig"]["SecurityOpt"], ["label=disable", "no-new-privileges"]
        )
        for option in ("no-new-privileges=false", "no-new-privileges:true"):
            self.assertEqual(body(SecurityOpt=[option])["HostConfig"]["SecurityOpt"], [option])
        self.assertEqual(body(PidsLimit=-1)["HostConfig"]["PidsLimit"], -1)

    def test_logs(self) -> None:
        """A log in the Engine's own files is bounded, unless the definition bounds it; any other log is as given."""
        bounds = {"max-size": "10m", "max-file": "3"}
        cases: list[tuple[dict[str, Any], dict[str, str]]] = [
            ({"Type": "json-file"}, bounds),
            ({"type": "json-file", "config": None}, bounds),
            (
                {"Type": "json-file", "Config": {"labels": "a", "max-file": "5"}},
                {**bounds, "labels": "a", "max-file": "5"},
            ),
            ({"Type": "json-file", "Config": {"max-size": "1g"}}, {"max-size": "1g"}),
        ]
        for config, options in cases:
            self.assertEqual(body(LogConfig=config)["HostConfig"]["LogConfig"]["Config"], options, config)
        others: list[dict[str, Any]] = [{"Type": "local"}, {"Type": "json-file", "Config": ["a"]}, {"Type": ["a"]}]
        for config in others:
            self.assertEqual(body(LogConfig=config)["HostConfig"]["LogConfig"], config)

    def test_volumes(self) -> None:
        """A path alone is an anonymous volume; what has a colon is a bind, beside those given as binds."""
        made = body(Volumes=["/data", "cache:/cache:ro"], Binds=["/srv:/srv"])
        self.assertEqual(
            (made["Volumes"], made["HostConfig"]["Binds"]), ({"/data": {}}, ["/srv:/srv", "cache:/cache:ro"])
        )

    def test_ports(self) -> None:
        """Each port is exposed and bound to its host port."""
        made = body(ports=(Port(80, "tcp", 20000), Port(53, "udp", 20001)))
        self.assertEqual(made["ExposedPorts"], {"80/tcp": {}, "53/udp": {}})
        self.assertEqual(
            made["HostConfig"]["PortBindings"], {"80/tcp": [{"HostPort": "20000"}], "53/udp": [{"HostPort": "20001"}]}
        )

    def test_resolvers(self) -> None:
        """This node's DNS is the resolver, unless the definition names one."""
        self.assertEqual(body(resolvers=("10.0.0.1",))["HostConfig"]["Dns"], ["10.0.0.1"])
        self.assertEqual(body(resolvers=("10.0.0.1",), Dns=["9.9.9.9"])["HostConfig"]["Dns"], ["9.9.9.9"])

    def test_host_names(self) -> None:
        """A host name that is given stays; none is made up that Linux or the Engine would refuse."""
        self.assertEqual(body(Hostname="me")["Hostname"], "me")
        self.assertNotIn("Hostname", body(UTSMode="host"))
        long_name = InstanceName.parse(f"1.{'x' * 60}.y")
        self.assertNotIn("Hostname", container_body(long_name, definition(), (), {}, ()))

    def test_empty(self) -> None:
        """A field that is given and empty makes the same container as one that is left out."""
        odd: dict[str, Any] = {"Dns": [], "Hostname": "", "MemorySwap": 0, "LogConfig": {}}
        least = body(resolvers=("10.0.0.1",), Memory=64)
        self.assertEqual(body(resolvers=("10.0.0.1",), Memory=64, **odd), least)
        for config in ({"Type": ""}, {"type": "", "config": {}}, {"Type": None, "Config": None}):
            self.assertEqual(body(resolvers=("10.0.0.1",), Memory=64, LogConfig=config), least, config)
        self.assertEqual(body(Memory=64, PidsLimit=0)["HostConfig"]["PidsLimit"], 0)

    @given(DEFINITIONS, INSTANCE_NAMES)
    def test_nothing_is_lost_or_changed(self, wanted: Definition, name: InstanceName) -> None:
        """Every field given is in the body, Docker's own restarts are off, and the definition is as it was."""
        before = wanted.encode()
        made = container_body(name, wanted, wanted.ports, {"io.daprdockr.node": "a"}, ("10.0.0.1",))
        made["HostConfig"]["Binds"].append("x")
        made["Env"].append("x")
        self.assertEqual(wanted.encode(), before)
        for field in wanted.container.fields:
            self.assertTrue(field in made or field in made["HostConfig"], field)
        self.assertEqual(made["HostConfig"]["RestartPolicy"], {"Name": "no"})
        self.assertEqual(made["Labels"]["io.daprdockr.node"], "a")
