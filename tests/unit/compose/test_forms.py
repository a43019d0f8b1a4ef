"""Values of known keys in a form, or of a kind, that Compose does not have."""

from __future__ import annotations

from typing import Any

from daprdockr.model.errors import BadInput
from tests.build.compose_samples import project
from tests.build.compose_service import ServiceCase

_NOT_THERE = (
    "nodes do not have this directory: copy it into the image, or name a directory of each node by its whole path"
)


class WordTests(ServiceCase):
    """Keys that take one of some texts."""

    def test_unknown(self) -> None:
        """A text that means nothing is refused, and counts as no other one."""
        cases: dict[str, dict[str, Any]] = {
            "restart: 'never' is not usable, write no, always, on-failure or unless-stopped": {"restart": "never"},
            "restart: 'always:3' is not usable, write on-failure:3, or a policy": {"restart": "always:3"},
            "deploy.mode: 'Replicated' is not usable, write replicated, global,": {"deploy": {"mode": "Replicated"}},
            "deploy.endpoint_mode: 'x' is not usable, write vip or dnsrr": {"deploy": {"endpoint_mode": "x"}},
            "deploy.restart_policy.condition: 'never' is not usable, write none,": {
                "deploy": {"restart_policy": {"condition": "never"}}
            },
            "ports[0]: 'hots' is not usable, write host or ingress": {"ports": [{"target": 80, "mode": "hots"}]},
            "depends_on: 'service_heathy' is not usable, write service_started, service_healthy or": {
                "others": "db",
                "depends_on": {"db": {"condition": "service_heathy"}},
            },
            "depends_on: 'maybe' is not usable, write true or false": {
                "others": "db",
                "depends_on": {"db": {"required": "maybe"}},
            },
            "env_file: 'json' is not usable, write raw": {"env_file": [{"path": "a.env", "format": "json"}]},
            "env_file: 'requird' is not a known key of a file: write path, required or format": {
                "env_file": [{"path": "a.env", "requird": False}]
            },
        }
        for expected, keys in cases.items():
            self.assertIn(f"services.web.{expected}", self.wrong(None, {"a.env": "A=1"}, **keys))

    def test_policies(self) -> None:
        """Each policy of Engine and Swarm under which a container ends makes a job, and no other does."""
        for keys in ({"restart": "no"}, {"restart": False}, {"deploy": {"restart_policy": {"condition": "no"}}}):
            self.assertEqual({"Once": True}, self.definition(**keys)["Schedule"])
        for word in ("always", "unless-stopped", "on-failure:5", ""):
            self.assertNotIn("Schedule", self.definition(restart=word))


class JobTests(ServiceCase):
    """Services whose containers end."""

    def test_replicas(self) -> None:
        """That a job has one container, and not several, is said."""
        text = "a job has one container at a time: leave it out, or let the program do all of the work"
        cases: dict[str, dict[str, Any]] = {
            "deploy.replicas": {"deploy": {"mode": "replicated-job", "replicas": 3}},
            "scale": {"scale": 2, "restart": "no"},
        }
        for key, keys in cases.items():
            self.assertEqual([f"{key}: {text}"], self.found(**keys))
        self.assertEqual([], self.found(restart="no", scale=1))


class FormTests(ServiceCase):
    """Keys that take a list or a mapping."""

    def test_declared(self) -> None:
        """An error about the top of a file names the place there."""
        cases: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
            "volumes.v.external: 'maybe' is not usable, write true or false": (
                {"volumes": {"v": {"external": "maybe"}}},
                {"volumes": ["v:/data"]},
            ),
            'volumes.v.name: ["x"] is not usable, write a text': (
                {"volumes": {"v": {"name": ["x"]}}},
                {"volumes": ["v:/data"]},
            ),
            'volumes.v.driver: ["nfs"] is not usable, write a text': (
                {"volumes": {"v": {"driver": ["nfs"]}}},
                {"volumes": ["v:/data"]},
            ),
            "secrets.s.external: 3 is not usable, write true or false": (
                {"secrets": {"s": {"external": 3}}},
                {"secrets": ["s"]},
            ),
            'configs.c.external: ["x"] is not usable, write a text': (
                {"configs": {"c": {"external": ["x"]}}},
                {"configs": ["c"]},
            ),
            "name: group name '' is not usable: write": ({"name": "---"}, {}),
        }
        for expected, (top, keys) in cases.items():
            self.assertIn(expected, self.wrong(top, **keys))
        text = self.wrong({"volumes": {"v": None}}, volumes=[{"source": "v", "target": "/data", "volume": "nocopy"}])
        self.assertIn("services.web.volumes[0]: is not usable, write a mapping", text)

    def test_foreign_digits(self) -> None:
        """Characters that only look like digits are refused in one line."""
        for port in ("²", "٣", "9" * 5000):
            keys: dict[str, Any] = {"x-daprdockr": {"Http": {"HostName": "a.test", "ContainerPort": port}}}
            self.assertIn("services.web: Http.ContainerPort", self.wrong(**keys))
        mount = {"type": "tmpfs", "target": "/a", "tmpfs": {"mode": "²"}}
        self.assertIn("is not usable, write octal permissions", self.wrong(volumes=[mount]))

    def test_ignored(self) -> None:
        """A text where names are listed is refused, and not left out."""
        cases: dict[str, dict[str, Any]] = {
            "depends_on: 'db' is not usable, write a list of names, or a mapping": {"depends_on": "db"},
            "depends_on: is not usable, write a mapping": {"depends_on": {"db": "healthy"}, "others": "db"},
            "networks: 'back' is not usable, write a list of names, or a mapping": {"networks": "back"},
            "x-daprdockr: is not usable, write a mapping": {"x-daprdockr": "Instances"},
            "x-daprdockr.Container: is not usable, write a mapping": {"x-daprdockr": {"Container": ["User"]}},
        }
        for expected, keys in cases.items():
            self.assertEqual(f"services.web.{expected}", self.wrong(**keys))

    def test_place(self) -> None:
        """An item of another form is named with file, line and key, whatever is done before it is read."""
        table, quoted = {"a": "b"}, '{"a": "b"}'
        for key in ("environment", "labels", "sysctls", "depends_on", "networks", "profiles"):
            expected = f"compose.yaml:1: services.web.{key}: {quoted} is not usable, write a text"
            self.assertEqual(expected, str(self.assertRaises(BadInput, self.imported, **{key: [table]})))
        self.assertIn('services.web.extends.service: ["db"] is not usable', self.wrong(extends=["db"]))
        self.assertIn('services.web.extends.file: ["a"] is not usable', self.wrong(extends={"file": ["a"]}))
        self.assertIn('name: {"a": "b"} is not usable', self.wrong({"name": table}))
        self.assertIn("services.web.links[0]: there is no service 'db'", self.wrong(links=["db"]))

    def test_variables_of_include(self) -> None:
        """A file of variables that ``include`` names has to be there; the usual ``.env`` has not."""
        text = "include:\n  - path: a/c.yaml\n    env_file: [a/x.env]\n"
        files = {"compose.yaml": text, "a/c.yaml": "services: {w: {image: 'x:${T:-1}'}}"}
        error = str(self.assertRaises(BadInput, project, files))
        self.assertEqual("compose.yaml:1: include: there is no file '/shop/a/x.env': make it, or leave it out", error)
        self.assertEqual("x:2", project({**files, "a/x.env": "T=2"}).definitions[0].container.image)
        for text in ("include: [a/c.yaml]", "include: [{path: a/c.yaml, env_file: /dev/null}]"):
            found = project({**files, "compose.yaml": text})
            self.assertEqual("x:1", found.definitions[0].container.image)

    def test_include(self) -> None:
        """``include`` takes a list, of which all keys are known."""
        cases = {
            "include: 'a.yaml' is not usable, write a list": "include: a.yaml",
            'include: {"path": "a.yaml"} is not usable, write a list': "include: {path: a.yaml}",
            "include[0].pth: is not a known key, did you mean path?": "include: [{pth: a.yaml}]",
            'include.path: {"a": "b"} is not usable, write a text': "include: [{path: {a: b}}]",
        }
        for expected, text in cases.items():
            files = {"compose.yaml": text, "a.yaml": "services: {web: {image: web}}"}
            self.assertEqual(f"compose.yaml:1: {expected}", str(self.assertRaises(BadInput, project, files)))


class CheckTests(ServiceCase):
    """Health checks."""

    def test_without_command(self) -> None:
        """Without a command the image's own check decides, with its own times, which is reported."""
        keys: Any = {"healthcheck": {"interval": "3s"}}
        self.assertEqual({"Type": "docker"}, self.definition(**keys)["Health"])
        expected = "healthcheck: the image's own check keeps its times: to change them, write its command as test"
        self.assertEqual([expected], self.found(**keys))
        self.assertEqual([], self.found(healthcheck={"disable": True, "interval": "3s"}))

    def test_zero(self) -> None:
        """A time or number of 0 is the usual one, as with the Engine; the check of a definition takes none."""
        zero = {"interval": "0s", "timeout": "0s", "start_period": "0s", "retries": 0}
        usual = self.definition(healthcheck={"test": ["CMD", "a"]})
        self.assertEqual(usual, self.definition(healthcheck={"test": ["CMD", "a"], **zero}))


class TemplateTests(ServiceCase):
    """Texts that Swarm fills in."""

    def test_named(self) -> None:
        """A template of Swarm is named, because it is left as it stands; one of a log driver is not."""
        keys: Any = {"hostname": "{{.Node.Hostname}}-x", "environment": ["A={{.Name}}", "B={{ .Task.Slot }}"]}
        end = "is not filled in: leave it out; the host name and DAPRDOCKR_INSTANCE are the name of the instance"
        expected = [f"! hostname: {{{{.Node.Hostname}}}} {end}", f"! environment: {{{{ .Task.Slot }}}} {end}"]
        self.assertEqual(expected, self.found(logging={"options": {"tag": "{{.Name}}"}}, **keys))


class SiteTests(ServiceCase):
    """Host names that labels give."""

    def test_labels(self) -> None:
        """Labels of Traefik are named, also those of Swarm, with the host name, until the service has one here."""
        labels = {
            "traefik.http.routers.web.rule": "PathPrefix(`/x`) && Host(`shop.test`, `b.test`)",
            "traefik.http.services.web.loadbalancer.server.port": 3000,
        }
        example = "x-daprdockr: {Http: {HostName: %s, ContainerPort: %s}}"
        line = f"labels: no proxy reads labels: for a host name, write {example}"
        self.assertEqual([line % ("shop.test", 3000)], self.found(labels=labels))
        self.assertEqual([f"deploy.{line}" % ("shop.test", 3000)], self.found(deploy={"labels": labels}))
        self.assertEqual([line % ("example.com", 8080)], self.found(labels=["traefik.http.routers.web.tls=true"]))
        grpc = {**labels, "traefik.http.services.web.loadbalancer.server.scheme": "h2c"}
        self.assertEqual([line % ("shop.test", "3000, Grpc: true")], self.found(labels=grpc))
        own: Any = {"x-daprdockr": {"HTTP": {"HostName": "shop.test", "ContainerPort": 3000}}}
        self.assertEqual([], self.found(labels=labels, **own))

    def test_ports(self) -> None:
        """Labels that give Traefik a port of TCP or UDP are named, until the service has such a route here."""
        labels = ["traefik.udp.routers.x.entrypoints=dns"]
        self.assertEqual(["labels: no proxy reads labels: publish the port of UDP by ports"], self.found(labels=labels))
        own: Any = {"x-daprdockr": {"Udp": [{"Port": 5353, "ContainerPort": 5353}]}}
        self.assertEqual([], self.found(labels=labels, **own))

    def test_caddy(self) -> None:
        """Labels of Caddy are named; those of its settings as a whole are not."""
        line = "labels: no proxy reads labels: for a host name, write x-daprdockr: {Http: {HostName: %s}}"
        for upstreams, port in (("8081", "8081"), ("http 90", "90"), ("", "8080"), ("h2c 50", "50, Grpc: true")):
            labels = {"caddy_1": "https://shop.test, b.test", "caddy_1.reverse_proxy": f"{{{{upstreams {upstreams}}}}}"}
            self.assertEqual([line % f"shop.test, ContainerPort: {port}"], self.found(labels=labels))
        self.assertEqual([line % "example.com, ContainerPort: 8080"], self.found(labels=["caddy=:80"]))
        self.assertEqual([], self.found(labels={"caddy.email": "a@shop.test", "caddyfile": "x"}))

    def test_variables(self) -> None:
        """The variables of nginx-proxy are named, also those of a file."""
        line = "no proxy reads VIRTUAL_HOST: for a host name, write x-daprdockr: {Http: {HostName: shop.test, %s}}"
        given = {"VIRTUAL_HOST": "shop.test,b.test", "VIRTUAL_PORT": "3000"}
        self.assertEqual([f"environment: {line % 'ContainerPort: 3000'}"], self.found(environment=given))
        files = {"a.env": "VIRTUAL_HOST=shop.test"}
        found = self.found(None, files, env_file="a.env")
        self.assertEqual([f"env_file: {line % 'ContainerPort: 80'}"], found)
        own: Any = {"x-daprdockr": {"Http": {"HostName": "shop.test", "ContainerPort": 3000}}}
        self.assertEqual([], self.found(environment=given, **own))


class BindTests(ServiceCase):
    """Files of this machine."""

    def test_relative(self) -> None:
        """The long form of a bind needs no dot in front of a relative path."""
        for source in ("a.conf", "./a.conf"):
            volume = {"type": "bind", "source": source, "target": "/etc/a", "read_only": True}
            found = self.definition(None, {"a.conf": "x"}, volumes=[volume])
            self.assertEqual([{"Content": "x", "Target": "/etc/a"}], found["Files"])
        self.assertIn("volumes[0]: '' is not usable", self.wrong(volumes=[{"type": "bind", "target": "/etc/a"}]))

    def test_volume_of_this_machine(self) -> None:
        """A volume that is a directory below that of the file is named: nodes do not have it."""
        for device, is_named in (("./data", True), ("data", True), ("~/data", True), ("/srv/data", False)):
            options = {"type": "none", "o": "bind,ro", "device": device}
            top, volumes = {"volumes": {"d": {"driver_opts": options}}}, ["d:/data"]
            expected = f"! volumes[0]: {_NOT_THERE}"
            self.assertEqual([expected] if is_named else [], self.found(top, volumes=volumes))
        shared = {"type": "nfs", "o": "addr=192.0.2.1", "device": ":/data"}
        self.assertEqual([], self.found({"volumes": {"d": {"driver_opts": shared}}}, volumes=["d:/data"]))
