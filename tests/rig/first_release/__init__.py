"""
A host on which an agent of version 0.1.0 ran: its containers, nginx, state directory, and keys in etcd.

``left.json`` and ``nginx.conf`` are recorded. The code of commit d6cb41d5, the last one of 0.1.0, ran as an agent with
the libraries of 0.2.0 (``PYTHONPATH`` led to its checkout), and its ``daprdockrcmd -stdin`` stored the definitions.
Keys, files and nginx's configuration are from there; the bodies of the containers are what its
``planning.body.container_body`` makes of the definitions. Names in capitals stand for what differs from run to run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from contextlib import closing
from datetime import datetime
from pathlib import Path
from string import Template
from typing import Any

from docker import APIClient

from daprdockr.etcd.store import EtcdStore
from tests.build.ports import free_port
from tests.rig.agent_process import AgentProcess

RECORDED = Path(__file__).parent
LEASE = 120
"""Seconds that the claims outlive that agent. It had less; here it is no matter how slow this machine is."""


NO_GENERATION = "\0"
"""It stands in the place of the digest of a configuration when that is computed."""


class FirstRelease:
    """:param agent: the successor, which did not start yet: its node, state directory and ports are taken."""

    def __init__(self, agent: AgentProcess, store: EtcdStore) -> None:
        self._agent = agent
        self._store = store
        self._names = {"GROUP": agent.group, "HTTP_PORT": str(agent.http_port)}
        self._names |= {f"PORT_{number}": str(free_port()) for number in range(1, 6)}
        self._lease = 0

    def leave(self) -> None:
        """Leave all that behind."""
        left = self._recorded()
        self._lease = self._store.grant(LEASE).id
        self._put("identity", left["Identity"])
        for name, definition in left["Definitions"].items():
            self._put(f"services/{self._agent.group}/{name}", json.dumps(definition))
        self._put(f"nodes/{self._agent.node}", json.dumps(left["Node"]), self._lease)
        for place in left["Instances"]:
            self._run_instance(place)
        self._fill_state()
        self._run_nginx()

    def definitions(self) -> dict[str, dict[str, Any]]:
        """The definitions as they were stored, by the names of the services."""
        found: dict[str, dict[str, Any]] = self._recorded()["Definitions"]
        return found

    def _recorded(self, **names: str) -> dict[str, Any]:
        unknown = {"REVISION": "0", "CONTAINER": "", "STARTED": "0"}
        text = Template((RECORDED / "left.json").read_text("utf-8")).substitute(unknown | self._names | names)
        found: dict[str, Any] = json.loads(text)
        return found

    def _put(self, place: str, value: str, lease: int = 0) -> int:
        return self._store.put(f"/{self._agent.group}/{place}", value.encode(), lease)

    def _run_instance(self, place: str) -> None:
        """Claim it, run its container, and report that."""
        key = f"instances/{self._agent.group}/{place}"
        revision = self._put(key, "{}", self._lease)
        made = self._recorded(REVISION=str(revision))["Instances"][place]
        with closing(APIClient(base_url=self._agent.engine, version="auto")) as client:
            container = client.create_container_from_config(made["Body"], made["Name"])["Id"]
            client.start(container)
            started = client.inspect_container(container)["State"]["StartedAt"]
        moment = datetime.fromisoformat(started[:26].rstrip("Z") + "+00:00").timestamp()
        reported = self._recorded(REVISION=str(revision), CONTAINER=container, STARTED=str(moment))
        self._put(key, json.dumps(reported["Instances"][place]["Claim"]), self._lease)

    def _fill_state(self) -> None:
        self._agent.state.mkdir(mode=0o755)
        listing = self._store.list(f"/{self._agent.group}/")
        entries = [
            [one.key, base64.b64encode(one.value).decode(), one.create_revision, one.mod_revision, one.lease]
            for one in listing.entries
        ]
        known = {"Version": 1, "ClusterId": listing.cluster_id, "Revision": listing.revision, "Entries": entries}
        (self._agent.state / "cluster.json").write_text(json.dumps(known), "utf-8")
        (self._agent.state / "lease.json").write_text(json.dumps({"Lease": self._lease}), "utf-8")
        (self._agent.state / "lock").touch(0o600)

    def _run_nginx(self) -> None:
        directory = self._agent.state / "nginx"
        directory.mkdir(mode=0o700)
        user = "user nobody nogroup;" if os.geteuid() == 0 else ""
        text = (RECORDED / "nginx.conf").read_text("utf-8")
        plain = Template(text).safe_substitute(
            self._names, DIRECTORY=str(directory), USER=user, GENERATION=NO_GENERATION
        )
        written = plain.replace(NO_GENERATION, hashlib.sha256(plain.encode()).hexdigest()[:16])
        for name in ("nginx.conf", "last-good.conf"):
            (directory / name).write_text(written, "utf-8")
        command = ["nginx", "-c", str(directory / "nginx.conf"), "-p", f"{directory}/", "-e", "stderr"]
        with (directory / "error.log").open("ab") as log:
            nginx = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        started = Path(f"/proc/{nginx.pid}/stat").read_text().rpartition(")")[2].split()[19]
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        record = {"pid": nginx.pid, "started": int(started), "boot": boot}
        (directory / "process.json").write_text(json.dumps(record), "utf-8")
