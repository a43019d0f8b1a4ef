"""Calls by gRPC to containers of a real agent, while their definition changes."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc

from tests.build.pairs import self_signed
from tests.build.ports import free_port
from tests.rig.agent_case import AgentTestCase
from tests.rig.grpc_client import Caller
from tests.rig.python_container import ALLOW, PORT, python_container

NAME = "grpc.test"


class Calls:
    """Calls of two clients, one after another, until it is left: what answered, and what failed."""

    def __init__(self, *callers: Caller) -> None:
        self.answered: Counter[str] = Counter()
        self.failed: list[str] = []
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(caller,)) for caller in callers]

    def __enter__(self) -> Calls:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _call(self, caller: Caller) -> None:
        while not self._ending.wait(0.01):
            try:
                self.answered[caller.call("Say", b"a").decode()] += 1
            except grpc.RpcError as error:
                self.failed.append(f"{error.code()}: {error.details()}")


class GrpcTests(AgentTestCase):
    """Two instances behind HTTPS, checked by gRPC's health checking protocol."""

    started = False

    def setUp(self) -> None:
        super().setUp()
        folder = Path(tempfile.mkdtemp(prefix="grpc-"))
        self.addCleanup(shutil.rmtree, folder)
        self.pair, self.port = self_signed((NAME,)), free_port()
        for suffix, text in (("crt", self.pair.chain), ("key", self.pair.key)):
            (folder / f"{NAME}.{suffix}").write_text(text)
        memory = tempfile.mkdtemp(prefix="daprdockr-test-", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, memory, True)
        options = ("--https", f"127.0.0.1:{self.port}", "--certificates", str(folder), "--memory-dir", memory)
        self.agent.options = (*ALLOW, *options)
        self.agent.start(6)

    def store(self, version: int) -> None:
        name, group = self.web.split(".")
        container = python_container("-m", "tests.rig.grpc_app", environment={"VERSION": str(version)})
        definition: dict[str, Any] = {
            "Name": name,
            "Group": group,
            "Instances": 2,
            "Container": container,
            "Http": {"HostName": NAME, "ContainerPort": str(PORT), "Grpc": True, "Hold": 30},
            "Health": {"Type": "grpc", "Interval": 0.5},
            "Update": {"MinHealthy": 0.5, "Drain": 2},
        }
        self.agent.command("-stdin", stdin=json.dumps(definition))

    def test_rollout(self) -> None:
        """No call is lost while both instances are replaced, neither those of an old client nor of a new one."""
        self.store(1)
        self.agent.command("wait", self.web, "-timeout", "120")
        authority = self.pair.chain.encode()
        with closing(Caller(self.port, NAME, authority)) as one, closing(Caller(self.port, NAME, authority)) as other:
            with Calls(one, other) as calls:
                self.store(2)
                self.agent.command("wait", self.web, "-timeout", "120")
            self.assertEqual(calls.failed, [])
            for instance in (1, 2):
                for version in (1, 2):
                    self.assertGreater(calls.answered[f"{instance}.{self.web} {version}:a"], 0)
