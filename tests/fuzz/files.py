"""One random content for one file of the state directory, read by itself or by a whole agent that starts."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from random import Random

from daprdockr.agent.certifying.sealed_pairs import KeptPairs
from daprdockr.agent.holder import Holder
from daprdockr.guard.clock import boot_id
from daprdockr.guard.orders import Orders
from daprdockr.model.errors import BadInput
from daprdockr.model.stored.doubts import Doubt
from daprdockr.model.stored.sealed import SealedValue
from daprdockr.process.pidfile import PidFile
from daprdockr.proxy.configuration import HttpListener, NginxSettings, render
from daprdockr.proxy.files import ProxyFiles
from daprdockr.proxy.relay_files import RelayFiles
from daprdockr.relay.message import Destination, PortRoute, RelayState, encode_state
from tests.fuzz.mutations import Mutations
from tests.fuzz.scene import Hearing, Scene

WHOLE = 0.02
"""Share of the files that a whole agent starts with: that takes a hundred times as long as reading one."""

RECORD = json.dumps({"pid": 4711, "started": 123456, "boot": boot_id()}).encode()
SMALL = ("lease.json", "lease-copy.json", "guard.json", "cluster.json")
RECORDS = ("nginx/process.json", "etcd/process.json", "guard/process.json", "relay/process.json")
PORTS, DOUBT, PAIRS = "relay/routes.json", "doubt.json", "certificates.json"
SEALED = {"a.example.com": SealedValue("a" * 16, "5" * 12, bytes(range(64))), "b.test": SealedValue("b", "6", b"")}
STATE = RelayState(("10.0.0.1", "::1"), (PortRoute("tcp", 5432, "db.app", (Destination("10.0.0.2", 20_000, True),)),))
CONFIGURATIONS = ("nginx/last-good.conf", "nginx/nginx.conf")


class FileFuzz:
    """:param random: where chance comes from. :param scene: the agent whose state directory it is."""

    def __init__(self, random: Random, scene: Scene) -> None:
        self._random = random
        self._scene = scene
        settings = NginxSettings(directory="/n", listeners=(HttpListener("127.0.0.1", 80),))
        self._configuration = render(settings).text.encode()
        self._real: dict[str, bytes] = {}
        self._mutations = Mutations(random, [b""])
        self.what = ""

    def refresh(self) -> None:
        """Take up what the agent has written meanwhile."""
        self._scene.settle(3)
        self._real = {name: (self._scene.path / name).read_bytes() for name in SMALL}
        self._real |= dict.fromkeys(RECORDS, RECORD) | dict.fromkeys(CONFIGURATIONS, self._configuration)
        self._real |= {PORTS: encode_state(STATE, 7), DOUBT: Doubt(7, "this etcd went back").encode(), PAIRS: _sealed()}
        self._mutations = Mutations(self._random, [value for value in self._real.values() if len(value) < 10_000])

    def try_one(self) -> None:
        """Write a content and have it read. ``what`` describes it for people."""
        if not self._real or self._random.random() < 0.01:
            self.refresh()
        name = self._random.choice(sorted(self._real))
        content = self._mutations.of(self._real[name])
        self.what = f"{name}: {content[:300]!r}"
        if name in SMALL and self._random.random() < WHOLE * len(self._real) / len(SMALL):
            self._whole(name, content)
        else:
            self._alone(name, content)

    def _alone(self, name: str, content: bytes) -> None:
        """In a directory of its own. Reading it logs one line at most, and raises nothing, for any content."""
        directory = self._scene.path.parent / "alone"
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._plant(path, content)
            with Hearing() as heard:
                self._read(name, directory)
            assert heard.lines <= 1, f"{heard.lines} lines for one file"
        finally:
            shutil.rmtree(directory)

    def _plant(self, path: Path, content: bytes) -> None:
        match self._random.randrange(60):
            case 0:
                path.mkdir()
            case 1:
                os.mkfifo(path)
            case 2:
                path.symlink_to("/etc/passwd")
            case _:
                path.write_bytes(content)

    def _read(self, name: str, directory: Path) -> None:
        agent = type(self._scene.agent.state)(directory)
        if name in RECORDS:
            PidFile(directory / name).read()
        elif name in CONFIGURATIONS:
            ProxyFiles(directory / "nginx").prepare()
        elif name == PORTS:
            RelayFiles(directory / "relay").needed()
        elif name == PAIRS:
            KeptPairs(directory / name).read()
        elif name == DOUBT:
            agent.read_doubt()
        elif name == "guard.json":
            agent.former_orders(boot_id())
        elif name == "cluster.json":
            agent.read_listing()
        else:
            agent.read_lease()

    def _whole(self, name: str, content: bytes) -> None:
        """The agent starts with it, and once more with what was there."""
        if self._is_lawful(name, content):
            return
        self.refresh()
        path = self._scene.path / name
        for given in (content, self._real[name]):
            self._scene.cluster.crash(self._scene.agent)
            self._scene.agent.docker.close()  # the events of the one that is gone reach nobody
            path.write_bytes(given)
            self._scene.agent = self._scene.cluster.succeed(self._scene.agent)
            self._scene.settle(4)
            self._scene.settle(0.5)

    def _is_lawful(self, name: str, content: bytes) -> bool:
        """Whether it is what an agent may have written, and says something else."""
        try:
            if name == "guard.json":
                return Orders.decode(content, boot_id()) is not None
            # With a checksum it is damage; without one an older agent may have written it.
            return (
                name.startswith("lease")
                and "Sum" not in json.loads(content)
                and _lease(content) != _lease(self._real[name])
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, BadInput):
            return False


def _sealed() -> bytes:
    """The content that an agent writes for ``SEALED``."""
    return json.dumps({name: json.loads(value.encode()) for name, value in SEALED.items()}).encode()


def _lease(content: bytes) -> tuple[object, Holder]:
    """A lease, and whose it is: one of another machine's is left alone."""
    kept = json.loads(content)
    return kept["Lease"], Holder.read(kept)
