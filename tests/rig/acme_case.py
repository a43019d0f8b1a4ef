"""A test with real agents, etcd, nginx and Pebble."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from twisted.trial.unittest import TestCase

from daprdockr.etcd.store import EtcdStore
from daprdockr.model.stored.certificate import CertificateRecord
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.renewal import RenewalRecord
from tests.build.ports import free_port
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, unique_prefix
from tests.rig.etcd_members import missing, shared
from tests.rig.pebble import Pebble


class AcmeTestCase(TestCase):
    timeout = 300
    skip = missing()

    def setUp(self) -> None:
        self.group = unique_prefix()
        self.keys = Keys(f"/{self.group}")
        self.store = EtcdStore(shared().access, 5.0)
        self.addCleanup(self.store.close)

    def agent(self, node: str, *options: str) -> AgentProcess:
        agent = AgentProcess(shared().urls, engine_url(), *options, prefix=self.group, node=node)
        self.addCleanup(agent.close)
        return agent

    def https_agent(self, node: str, *options: str) -> tuple[AgentProcess, int]:
        """A node with a TLS listener, and the port of that."""
        memory = Path(tempfile.mkdtemp(prefix="daprdockr-test-", dir="/dev/shm"))
        self.addCleanup(shutil.rmtree, memory, True)
        port = free_port()
        return self.agent(node, "--https", f"127.0.0.1:{port}", "--memory-dir", str(memory), *options), port

    def pebble(self, http_port: int, settings: Mapping[str, Any] = MappingProxyType({}), **modes: str) -> Pebble:
        """One that runs."""
        return self.idle_pebble(http_port, settings, **modes).__enter__()

    def idle_pebble(self, http_port: int, settings: Mapping[str, Any] = MappingProxyType({}), **modes: str) -> Pebble:
        pebble = Pebble(http_port, modes, **settings)
        self.addCleanup(pebble.close)
        return pebble

    def define(self, agent: AgentProcess, *names: str) -> None:
        http = {"HostName": ",".join(names), "ContainerPort": "8080"}
        definition = {"Name": "web", "Group": self.group, "Instances": 0, "Container": {"Image": "x"}, "Http": http}
        agent.command("-stdin", stdin=json.dumps(definition))

    def certificate(self, name: str) -> CertificateRecord | None:
        entry = self.store.get(self.keys.certificate(name))
        return None if entry is None else CertificateRecord.decode(entry.value)

    def is_certified(self, name: str) -> bool:
        return self.certificate(name) is not None

    def has_failed(self, name: str, times: int) -> bool:
        return self.renewal(name).failures >= times

    def renewal(self, name: str) -> RenewalRecord:
        entry = self.store.get(self.keys.renewal(name))
        return RenewalRecord() if entry is None else RenewalRecord.decode(entry.value)

    def renewer(self) -> str:
        entry = self.store.get(self.keys.renewer)
        return "" if entry is None else entry.value.decode()

    def options(self, pebble: Pebble, key: str, **more: str) -> list[str]:
        given = {"acme-email": "anna@example.com", "acme-directory": pebble.directory, "acme-ca": str(pebble.ca)}
        given |= {"dns-upstream": f"127.0.0.1:{pebble.resolver}", "cluster-key": key} | more
        return [word for name, value in given.items() for word in (f"--{name}", value)]


def is_served(port: int, name: str, root: bytes) -> bool:
    """Whether a client that trusts this root can speak TLS with a host name at a port of the loopback address."""
    trusting = ssl.create_default_context(cadata=root.decode())
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=5)
        with connection, trusting.wrap_socket(connection, server_hostname=name):
            return True
    except OSError:
        return False
