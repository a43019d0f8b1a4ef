"""Random values in a real etcd, and random contents in a real state directory: a share of what ``make fuzz`` tries."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from random import Random

from daprdockr.etcd.store import EtcdStore
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.keys import Keys
from daprdockr.model.wanted.definition import Definition
from daprdockr.process.table import ProcessTable
from tests.fuzz.keys import REAL
from tests.fuzz.mutations import Mutations
from tests.rig.agent_case import HTTP, AgentTestCase
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.etcd_members import shared

SEED = int(os.environ.get("SEED") or 2026)
VALUES = 200
FILES = (
    "cluster.json",
    "lease.json",
    "guard.json",
    "guard/process.json",
    "nginx/process.json",
    "nginx/last-good.conf",
    "nginx/nginx.conf",
    "nginx/nginx.pid",
)


class FuzzTests(AgentTestCase):
    """An agent with a service that must stay as it is."""

    def setUp(self) -> None:
        sample_image()
        self.agent = AgentProcess(shared().urls, engine_url())
        self.addCleanup(self.agent.close)
        self.agent.start(ttl=30)
        self.web, self.data = f"web.{self.agent.group}", f"data.{self.agent.group}"
        self.agent.define(self.web, 1, sample_image(), Http=HTTP)
        self.agent.define(self.data, 1, sample_image(), OnPartition="stop")
        until(lambda: self.agent.served_by("demo.test") == {f"1.{self.web} 1"})
        self.before = self.running()
        self.random = Random(SEED)
        self.mutations = Mutations(self.random, list(REAL.values()))

    def running(self) -> list[tuple[str, int]]:
        """Each container with the pid of its first process: equal as long as none was touched."""
        ids = [*self.agent.ids(self.web), *self.agent.ids(self.data)]
        return [(container, self.agent.pid_of(container)) for container in ids]

    def check(self) -> None:
        until(self.agent.is_well)
        self.assertEqual(self.running(), self.before, f"seed {SEED}")
        self.assertNotIn("Traceback", self.agent.log, f"seed {SEED}")
        until(lambda: self.agent.served_by("demo.test") == {f"1.{self.web} 1"})

    def test_keys(self) -> None:
        """Values in etcd that cannot be read stop nothing and bring no agent down."""
        keys = Keys(f"/{self.agent.group}")
        service, other = ServiceName.parse(self.web), ServiceName("other", "any")
        targets = {
            keys.service(service): "services",
            keys.service(other): "services",
            keys.claim(InstanceName(other, 1)): "instances",
            keys.successor(InstanceName(service, 1)): "instances",
            keys.node("b"): "nodes",
            keys.cordon("b"): "cordons",
            keys.pause(other): "pauses",
            keys.event("b", 1): "events",
            keys.root + "\0\u2028/odd": "services",
        }
        with closing(EtcdStore(shared().access)) as store:
            definition = store.get(keys.service(service))
            assert definition is not None
            for _ in range(VALUES):
                key = self.random.choice(sorted(targets))
                value = self.mutations.of(REAL[targets[key]])
                if "services" not in targets[key] or not self.is_readable(value):
                    store.put(key, value)
            for key in targets:
                store.commit([], [Delete(key)]) if key != keys.service(service) else store.put(key, definition.value)
        self.check()

    def is_readable(self, value: bytes) -> bool:
        try:
            return bool(Definition.parse(value))
        except Exception:
            return False

    def test_files(self) -> None:
        """An agent that starts on damaged files is well, and has touched neither containers nor nginx."""
        program = os.path.realpath("/usr/sbin/nginx")
        configuration = str(self.agent.state / "nginx" / "nginx.conf")
        before = ProcessTable().find(configuration, program)
        for number in range(2):
            self.agent.kill()
            for name in FILES if number == 0 else self.random.sample(FILES, 5):
                path = Path(self.agent.state / name)
                if path.exists():
                    path.write_bytes(self.mutations.of(path.read_bytes()))
            self.agent.start(ttl=30)
            self.check()
        self.assertEqual(ProcessTable().find(configuration, program), before)
