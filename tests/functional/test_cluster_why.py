"""Five broken services on three nodes: ``why`` names the true reason and each node, where no agent runs."""

from __future__ import annotations

import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.rig.cluster.cluster import missing, shared
from tests.rig.cluster.host import Host
from tests.rig.docker_engine import SAMPLE

REGISTRY = 5010
"""The port of each host on which a registry without images listens: it is also the port that is taken."""

NODES = ("host1", "host2", "host3")
CRASH = "echo opening the ledger; sleep 0.2; echo the ledger is locked; exit 7"


def joined(text: str) -> str:
    """Return a text without its line breaks."""
    return " ".join(text.split())


class WhyTests(SynchronousTestCase):
    """The command runs on a machine that has none of the instances, no agent and no Docker Engine of the cluster."""

    timeout = 300
    skip = missing()

    def setUp(self) -> None:
        self.cluster = shared()
        self.cluster.reset()
        for host in self.cluster.hosts:
            host.machine.spawn([*self.registry, str(REGISTRY)], host.directory / "registry.log")
            self.addCleanup(host.machine.kill, " ".join(self.registry))
        self.cluster.until(lambda: all(map(self.listens, self.cluster.hosts)), "the registries listen")

    registry = (sys.executable, "-m", "tests.rig.empty_registry")

    def listens(self, host: Host) -> bool:
        return f":{REGISTRY} " in host.machine.run("ss", "-ltn")

    def define(self, name: str, image: str = SAMPLE, more: dict[str, Any] | None = None, **container: Any) -> None:
        self.cluster.define(f"{name}.broken", 1, Container={"Image": image, **container}, Http=[], **more or {})

    def asked(self, name: str) -> str:
        return joined(self.cluster.command("why", f"{name}.broken"))

    def until_said(self, name: str, *parts: str) -> None:
        """Wait until the answer has all these parts, and check that it names each node."""

        def is_said() -> bool:
            answer = self.asked(name)
            return all(part in answer for part in parts)

        self.cluster.until(is_said, f"why {name}.broken says {parts}")
        found = self.cluster.command("why", f"{name}.broken").partition("\nNODE ")[2]
        for node in NODES:
            self.assertRegex(found, rf"(?m)^{node} +\S+ \S+")

    def test_true_reasons(self) -> None:
        """
        An image that the registry does not have, a constraint that no node meets, a program that ends, more memory than
        any node has, and a host port that other programs have on every node.
        """
        image = f"127.0.0.1:{REGISTRY}/no-such/image:1"
        port = {"8080/tcp": [{"HostPort": str(REGISTRY)}]}
        self.define("image", image)
        self.define("constraint", more={"Placement": {"Constraints": ["zone == moon"]}})
        self.define("crash", Entrypoint=["sh", "-c", CRASH])
        self.define("memory", Memory=1 << 50)
        self.define("port", PortBindings=port)
        self.until_said(
            "image", "1.image.broken is pulling on host", "could not be pulled: manifest unknown", "docker pull"
        )
        self.until_said("constraint", *(f"{node} zone == moon is not met: it has no label zone" for node in NODES))
        self.until_said("crash", "(exit status 7: the ledger is locked)", "opening the ledger the ledger is locked")
        needed = (f"{node} an instance needs 1073741824 MiB of memory, " for node in NODES)
        self.until_said("memory", *needed, "- state less Memory")
        self.until_said(
            "port",
            f"host port {REGISTRY}/tcp is not free on this node: another program has it",
            "ss -ltnp on the node says what",
        )
