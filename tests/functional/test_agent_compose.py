"""Compose files on a real agent: imported, applied, started, and their answers checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docker import APIClient

from tests.build.ports import free_port
from tests.rig.agent_case import AgentTestCase
from tests.rig.docker_engine import sample_image, until

SHOP = """\
name: {group}
x-base: &base
  image: ${{IMAGE:?say which}}
  restart: unless-stopped
services:
  web:
    <<: *base
    ports: ["{route}:8080", "80:8080"]
    environment: ["GREETING=${{GREETING:-hello}}"]
    env_file: web.env
    volumes: ["./motd:/www/motd:ro", "data:/data"]
    configs: [{{source: about, target: /www/about}}]
    deploy: {{replicas: 2}}
    depends_on: {{db: {{condition: service_healthy}}}}
    x-daprdockr:
      Http: {{HostName: shop.test, ContainerPort: 8080}}
  db:
    <<: *base
    container_name: the-db
    command: ["sh", "-c", "PORT={used} exec /bin/start"]
    healthcheck: {{test: "wget -qO- http://127.0.0.1:{used}/health", interval: 500ms, timeout: 2s}}
    labels: {{tier: back}}
  peer:
    <<: *base
    environment: {{DB: "http://db:{used}/"}}
volumes: {{data: }}
configs: {{about: {{content: "sold by $GREETING"}}}}
"""
OVER = "services: {web: {environment: {EXTRA: 'yes'}}}"
BOUND = """\
name: {group}
services:
  fixed:
    image: {image}
    ports: [{{target: 8080, published: {port}, mode: host}}]
"""
FIELDS = """\
name: {group}
services:
  full:
    image: {image}
    init: true
    shm_size: 32m
    ulimits: {{nofile: 2048, nproc: {{soft: 100, hard: 200}}}}
    tmpfs: ["/tmp:size=1m,mode=1777", /run]
    logging: {{options: {{max-size: 1m}}}}
    stop_grace_period: 1m30s
    mem_limit: 64m
    sysctls: [net.core.somaxconn=256]
    healthcheck: {{test: [CMD, "true"], interval: 1s, timeout: 0s}}
  empty:
    image: {image}
    hostname: ""
    logging: {{}}
    dns: []
    mem_limit: 64m
    memswap_limit: 0
    environment: []
    ports: []
    depends_on: []
  plain: {{image: {image}, mem_limit: 64m}}
"""


class ComposeTests(AgentTestCase):
    """One agent."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.file("web.env", "FROM_FILE=1\n")
        self.file("motd", "good day\n")

    def file(self, name: str, text: str) -> str:
        path = self.directory / name
        path.write_text(text)
        return str(path)

    def answer(self, port: int, path: str = "") -> str:
        return self.agent.curl("", f"http://127.0.0.1:{port}/{path}").strip()

    def container_of(self, service: str) -> dict[str, Any]:
        client = APIClient(base_url=self.agent.engine, version="auto")
        try:
            return dict(client.inspect_container(self.agent.ids(service)[0]))
        finally:
            client.close()

    def test_project(self) -> None:
        """
        A project with an override is imported, its definitions are applied, and each service answers: by its host name,
        on its published port, and on the port that another service uses.
        """
        route, used, group = free_port(), free_port(), self.agent.group
        self.file(".env", f"IMAGE={sample_image()}\nGREETING=us\n")
        first = self.file("compose.yaml", SHOP.format(group=group, route=route, used=used))
        done = self.agent.run("import", first, self.file("over.yaml", OVER))
        self.assertEqual((1, 1), (done.returncode, done.stderr.count("\n")), done.stderr)
        self.assertIn("compose.yaml:19: services.db.container_name", done.stderr)
        self.agent.command("apply", "-f", "-", stdin=done.stdout)
        for service in ("web", "db", "peer"):
            self.agent.command("wait", f"{service}.{group}")
        until(lambda: self.agent.served_by("shop.test") == {f"{number}.web.{group} 1" for number in (1, 2)})
        self.assertIn(self.answer(route), {f"{number}.web.{group} 1" for number in (1, 2)})
        self.assertEqual(["good day", "sold by us"], [self.answer(route, name) for name in ("motd", "about")])
        until(lambda: self.answer(used) == f"1.db.{group} 1")
        found = self.container_of(f"web.{group}")["Config"]["Env"]
        self.assertEqual(
            {"FROM_FILE=1", "GREETING=us", "EXTRA=yes"}, {*found} & {"FROM_FILE=1", "GREETING=us", "EXTRA=yes"}
        )
        self.assertEqual("127.0.0.1", self.agent.dig(f"db.{group}.container"))

    def test_fields(self) -> None:
        """Containers are made as the keys say; a key that is empty is as one that is left out."""
        group = self.agent.group
        name = self.file("compose.yaml", FIELDS.format(group=group, image=sample_image()))
        self.agent.command("apply", "-f", name, "-wait")
        full, empty, plain = (self.container_of(f"{one}.{group}") for one in ("full", "empty", "plain"))
        host = full["HostConfig"]
        limits = {one["Name"]: (one["Soft"], one["Hard"]) for one in host["Ulimits"]}
        self.assertEqual({"nofile": (2048, 2048), "nproc": (100, 200)}, limits)
        self.assertEqual((True, 32 << 20, 64 << 20), (host["Init"], host["ShmSize"], host["MemorySwap"]))
        self.assertEqual({"/tmp": "size=1m,mode=1777", "/run": ""}, host["Tmpfs"])
        self.assertEqual({"max-size": "1m"}, host["LogConfig"]["Config"])
        self.assertEqual({"net.core.somaxconn": "256"}, host["Sysctls"])
        self.assertEqual(90, full["Config"]["StopTimeout"])
        for key in ("LogConfig", "Memory", "MemorySwap", "PidsLimit"):
            self.assertEqual(plain["HostConfig"][key], empty["HostConfig"][key], key)
        self.assertEqual(f"1.empty.{group}", empty["Config"]["Hostname"])

    def test_as_it_is(self) -> None:
        """A file is applied as it is; one that would mean something else is refused, unless that is known."""
        port, service = free_port(), f"fixed.{self.agent.group}"
        text = BOUND.format(group=self.agent.group, image=sample_image(), port=port)
        name = self.file("compose.yaml", f"{text}    external_links: [x]\n")
        done = self.agent.run("apply", "-f", name)
        self.assertEqual((1, ""), (done.returncode, done.stdout), done.stderr)
        self.assertIn("or add -incomplete", done.stderr)
        self.assertEqual([], json.loads(self.agent.command("-get")))
        self.agent.command("apply", "-f", name, "-incomplete")
        self.agent.command("wait", service)
        until(lambda: self.answer(port) == f"1.{service} 1")
        self.assertEqual(
            "1 service is as given already\n", self.agent.command("plan", "-f", self.file("compose.yaml", text))
        )
