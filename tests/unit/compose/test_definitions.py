"""The definition of one service, beyond the twenty samples: errors, limits and rare forms."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.mirrored_keys import FileKey, SecretKey
from tests.build.compose_samples import project
from tests.build.compose_service import ServiceCase


class ContainerTests(ServiceCase):
    """Fields of the container."""

    def test_errors(self) -> None:
        """A value that cannot be used is an error with its place."""
        cases: dict[str, dict[str, Any]] = {
            "services.web.ulimits: 'x' is not usable, write a mapping": {"ulimits": "x"},
            "services.web.ulimits: a limit has neither soft nor hard": {"ulimits": {"nofile": {}}},
            "services.web.cpus: 'x' is not usable, write a number": {"cpus": "x"},
            "services.web.deploy: is not usable, write a mapping": {"deploy": "x"},
            "services.web.env_file: there is no file '/shop/no.env': make it": {"env_file": ["no.env"]},
            "services.web.gpus: 'x' is not usable, write a mapping": {"gpus": ["x"]},
            "services.web.devices: 'dev' is not usable, write a device": {"devices": ["dev"]},
            'services.web.healthcheck.test: ["CMD"] is not usable, begin it with CMD': {
                "healthcheck": {"test": ["CMD"]}
            },
            "services.web: Container.Image: 'W B'": {"image": "W B"},
            "services.web: it has neither image nor build": {"image": None},
        }
        for expected, keys in cases.items():
            self.assertIn(expected, self.wrong(**keys))

    def test_environment(self) -> None:
        """Files come first, in their order; one that is not required may be missing."""
        files = {"a.env": "A=1\nB=$HOME_OF\nHOME_OF", "b.env": "A='2'"}
        entries = ["a.env", {"path": "b.env", "format": "raw"}, {"path": "c.env", "required": False}]
        found = self.definition(None, files, env_file=entries, environment={"C": True, "HOME_OF": None})
        self.assertEqual(["A='2'", "B=h", "HOME_OF=h", "C=true"], found["Container"]["Env"])
        self.assertEqual(["environment: X has no value here: set it, or write X="], self.found(environment=["X"]))

    def test_forms(self) -> None:
        """Mappings and lists stand for the same."""
        self.assertEqual(["a:1", "a:2"], self.definition(extra_hosts={"a": ["1", "2"]})["Container"]["ExtraHosts"])
        self.assertEqual(["a:1"], self.definition(extra_hosts=["a=1"])["Container"]["ExtraHosts"])
        for hosts in (["a=[::1]", "b:[::2]", "c:::3"], {"a": "[::1]", "b": ["[::2]"], "c": "::3"}):
            self.assertEqual(["a:::1", "b:::2", "c:::3"], self.definition(extra_hosts=hosts)["Container"]["ExtraHosts"])
        self.assertEqual(
            [{"Name": "core", "Soft": 1, "Hard": 1}],
            self.definition(ulimits={"core": {"soft": 1}})["Container"]["Ulimits"],
        )
        self.assertEqual(
            {"Type": "json-file", "Config": {"max-size": "1m"}},
            self.definition(logging={"options": {"max-size": "1m"}})["Container"]["LogConfig"],
        )
        self.assertEqual(
            [{"Capabilities": [["gpu", "video"]], "Count": 2, "Options": {"a": "b"}}],
            self.definition(gpus=[{"count": 2, "capabilities": ["video"], "options": {"a": "b"}}])["Container"][
                "DeviceRequests"
            ],
        )
        self.assertEqual(
            [{"Driver": "cdi", "DeviceIDs": ["v.com/d=1"]}],
            self.definition(devices=[{"source": "v.com/d=1"}])["Container"]["DeviceRequests"],
        )


class DeployTests(ServiceCase):
    """Instances and their replacement."""

    def test_update(self) -> None:
        """The larger one of delay and monitor is how long a container has to be healthy."""
        update = {"parallelism": 0, "delay": "20s", "monitor": "5s", "failure_action": "pause", "order": "stop-first"}
        found = self.definition(deploy={"replicas": 3, "update_config": update})
        self.assertEqual(
            {"Order": "stop-first", "Parallelism": 3, "MinHealthy": 20, "OnFailure": "pause"}, found["Update"]
        )

    def test_refused(self) -> None:
        """A key that would mean something else is named."""
        self.assertIn(
            "! deploy.update_config.failure_action: a rollout stops",
            self.found(deploy={"update_config": {"failure_action": "continue"}})[0],
        )
        self.assertIn("! restart: a service with ports is started again", self.found(restart=False, ports=["1:1"])[0])
        self.assertEqual(
            [], self.found(restart="always", deploy={"mode": "replicated", "restart_policy": {"condition": "any"}})
        )
        self.assertEqual(
            {"OnePerNode": True}, self.definition(deploy={"placement": {"max_replicas_per_node": 1}})["Placement"]
        )
        remedies = {"host": "publish or expose ports", "none": "firewall", "service:vpn": "both programs"}
        for mode, text in remedies.items():
            self.assertRegex(self.found(network_mode=mode)[0], f"^! network_mode: .*{text}$")


class PortTests(ServiceCase):
    """PublishedPort ports."""

    def test_errors(self) -> None:
        """A text that is no port is an error."""
        cases = {
            "services.web.ports[0]: 'x' is not usable, write a port such as 8080:80": ["x"],
            "services.web.ports[0]: protocol 'icmp' is not usable": ["1:1/icmp"],
            "services.web.ports[0]: 3 ports cannot lead to 2": ["1-3:1-2"],
            "services.web.ports[0]: '' is not usable, write a port": [{"published": 1}],
            "services.web.ports[0]: '300.1.1.1' is not usable, write an address": ["300.1.1.1:1:1"],
        }
        for expected, ports in cases.items():
            self.assertIn(expected, self.wrong(ports=ports))

    def test_forms(self) -> None:
        """Each form gives a route, a free port or a port of the node."""
        found = self.definition(
            ports=[
                "[::]:8080:80",
                9000,
                "1000:1000",
                "1000:1000/tcp",
                {"target": 70, "published": "70", "mode": "host"},
            ]
        )
        self.assertEqual([{"Port": 8080, "ContainerPort": "80"}, {"Port": 1000, "ContainerPort": "1000"}], found["Tcp"])
        self.assertEqual(["9000/tcp"], found["Container"]["ExposedPorts"])
        self.assertEqual({"70/tcp": [{"HostPort": "70"}]}, found["Container"]["PortBindings"])

    def test_two_ports_of_the_node(self) -> None:
        """A port of the container can have one port of the node only."""
        ports = [{"target": 70, "published": port, "mode": "host"} for port in (70, 71)]
        self.assertIn("! ports[1]: port 70/tcp has a port of the host already", self.found(ports=ports)[0])

    def test_site(self) -> None:
        """A service with a host name needs no port 80; the extension may be written in any case."""
        own: Any = {"http": [{"HostName": "a.test", "ContainerPort": "8080"}], "container": {"User": "me"}}
        keys: dict[str, Any] = {"x-daprdockr": own, "user": "you"}
        found = self.imported(ports=["80:8080", "443:8080"], **keys)
        self.assertEqual([], found.findings)
        self.assertEqual("me", found.definitions[0].container.fields["User"])
        keys = {"x-daprdockr": {"Http": {"ContainerPort": 1}}}
        self.assertIn("services.web: Http.HostName is missing", self.wrong(**keys))

    def test_tls(self) -> None:
        """Port 443 is nginx's, which has the TLS; a host name that leads to another port of the service is enough."""
        begin = "ports[1]: port 443 of every node is its agent's, for nginx, which terminates TLS for host names"
        ports = ["80:80", "443:443"]
        example = "x-daprdockr: {Http: {HostName: example.com, ContainerPort: 8080}}"
        self.assertEqual(f"! {begin}: name a port without TLS, as in {example}", self.found(ports=ports)[1])
        own: Any = {"x-daprdockr": {"Http": {"HostName": "a.test", "ContainerPort": "80"}}}
        expected = f"{begin}, and leads to port 80: that one must not use TLS"
        self.assertEqual([expected], self.found(ports=ports, **own))


class ReachTests(ServiceCase):
    """How services find each other."""

    def services(self, **services: Any) -> Any:
        return project({"compose.yaml": json.dumps({"services": services})})

    def test_node_ports(self) -> None:
        """A port that an agent has cannot be one of a service; with weight if another one uses it."""
        self.assertEqual(
            ["expose[0]: web: port 80 of every node is its agent's: let it listen on another one"],
            self.found(expose=["80"]),
        )
        found = self.services(
            a={"image": "a", "environment": ["B=http://b"]}, b={"image": "b", "expose": ["8000-8001", "53/udp"]}
        )
        self.assertEqual(["services.b.expose[1]", "services.a.environment"], [one.path for one in found.findings])
        self.assertEqual([False, True], [one.weighty for one in found.findings])
        self.assertIn("is not usable, write a port such as 5432", self.wrong(expose=["x"]))

    def test_taken(self) -> None:
        """Two services cannot have one port of the nodes; the one whose definition comes first has it."""
        found = self.services(
            a={"image": "a", "ports": ["90:90"]}, b={"image": "b"}, c={"image": "c", "command": "x b:90"}
        )
        self.assertEqual(
            ["services.c.command: b: port 90 of every node leads to a: let it listen on another one"],
            [f"{one.path}: {one.text}" for one in found.weighty],
        )
        self.assertEqual(["90/tcp"], found.definitions[1].container.fields["ExposedPorts"])

    def test_published_twice(self) -> None:
        """Of two services that publish one port of every node, the first one has it, and the other one is named."""
        own: Any = {"image": "d", "ports": ["8080:80"], "x-daprdockr": {"tcp": []}}
        host = {"target": 80, "published": 8080, "mode": "host"}
        found = self.services(
            a={"image": "a", "ports": ["8080:80"]},
            b={"image": "b", "ports": ["53535:1/udp", "8080:81"]},
            c={"image": "c", "ports": [host]},
            d=own,
        )
        remedy = "port 8080 of every node leads to a: publish another one"
        lines = [f"{one.path}: {one.text}" for one in found.weighty]
        self.assertEqual([f"services.b.ports[1]: {remedy}", f"services.c.ports[0]: {remedy}"], lines)
        _, b, c, _ = (one.write() for one in found.definitions)
        self.assertEqual((["81/tcp"], False), (b["Container"]["ExposedPorts"], "Tcp" in b))
        self.assertEqual((["80/tcp"], False), (c["Container"]["ExposedPorts"], "PortBindings" in c["Container"]))
        found = self.services(a={"image": "a", "ports": [host]}, b={"image": "b", "ports": [host, "8080:1/udp"]})
        self.assertEqual([], found.findings)
        found = self.services(a={"image": "a", "ports": [host]}, b={"image": "b", "ports": ["8080:1"]})
        expected = "services.b.ports[0]: port 8080 of a node leads to a: publish another one"
        self.assertEqual([expected], [f"{one.path}: {one.text}" for one in found.weighty])

    def test_used(self) -> None:
        """A port that another service uses becomes a route, unless it leads there already."""
        found = self.services(
            a={"image": "a", "command": ["--url", "amqp://q", "--db=db:5432", "--x=udp:99", "--big=udp:99999"]},
            q={"image": "q"},
            db={"image": "db", "ports": [{"target": 5432, "published": 5432, "mode": "host"}]},
            udp={"image": "udp", "expose": ["99/udp"]},
        )
        _, q, db, udp = (one.write() for one in found.definitions)
        self.assertEqual([{"Port": 5672, "ContainerPort": "5672"}], q["Tcp"])
        self.assertEqual([False, False], ["Tcp" in one for one in (db, udp)])

    def test_unknown_port(self) -> None:
        """If nothing says which port others use, that is named."""
        self.assertEqual(
            ["depends_on: no port of db is known: if web connects to it, give it expose"],
            self.found(depends_on=["db"], others="db"),
        )

    def test_port_that_a_later_service_names(self) -> None:
        """A port that any service names is known to all, wherever that one stands in the file."""
        found = self.services(
            web={"image": "a", "depends_on": ["db"]}, db={"image": "b"}, peer={"image": "c", "command": "x db:99"}
        )
        self.assertEqual([], found.findings)

    def test_other_resolver(self) -> None:
        """DNS servers of its own keep a service from finding others, which is reported if it needs them."""
        remedy = "leave it out, and give them to the agents by --dns-upstream"
        text = f"! dns: these servers do not know the names of services: {remedy}"
        uses: list[dict[str, Any]] = [{"depends_on": ["db", "a"]}, {"environment": ["DB_HOST=db", "A_URL=a"]}]
        for keys in uses:
            found = self.found(dns="192.0.2.1", others="db a", **keys)
            self.assertEqual([text], [one for one in found if "dns" in one])
        self.assertEqual([], self.found(dns="192.0.2.1", others="db a"))

    def test_renamed(self) -> None:
        """A name that is no DNS label is changed, which others have to know."""
        self.assertIn(
            "! depends_on: service my_db is called my-db here",
            "\n".join(self.found(depends_on=["my_db"], others="my_db")),
        )
        self.assertIn("services.a_b: a-b would be called a-b too", self.wrong(others="a-b a_b"))
        self.assertIn("service name '' is not usable", self.wrong(others="_"))

    def test_waits(self) -> None:
        """Services wait for those that are there, and not for each other."""
        self.assertIn("services.web.depends_on: there is no service 'no': define it", self.wrong(depends_on=["no"]))
        circle = {"a": {"image": "a", "depends_on": ["b"]}, "b": {"image": "b", "links": ["a"]}}
        error = str(self.assertRaises(BadInput, self.services, **circle))
        self.assertIn("they wait for each other", error)
        health = {"depends_on": {"db": {"condition": "service_healthy"}}}
        found = self.services(web={"image": "a", **health}, db={"image": "postgres"})
        self.assertEqual({"Type": "docker"}, found.definitions[1].write()["Health"])

    def test_many(self) -> None:
        """Of hundreds of services, which ones each addresses is read from its texts once."""
        numbers = range(400)
        lines = [f"U=http://s{(n + 1) % len(numbers)}:{8000 + n}/" for n in numbers]
        begin = time.process_time()
        found = self.services(**{f"s{n}": {"image": "a", "environment": [lines[n]]} for n in numbers})
        self.assertLess(time.process_time() - begin, 10)
        self.assertEqual([8000], [one.port for one in found.definitions[1].tcp])

    def test_addresses(self) -> None:
        """An address is known by its port, or by its scheme, with a user and with a query."""
        for text, ports in {
            "redis://u:p@db/0": [6379],
            "redis://db?as=a@b": [6379],
            "one:1,db:1:2": [1],
            "my-db:1 db.x:2 xdb:3 db:123456": [],
            "postgresql+x://db db:5": [5, 5432],
        }.items():
            found = self.services(web={"image": "a", "environment": {"U": text}}, db={"image": "b"})
            self.assertEqual(ports, [one.port for one in found.definitions[1].tcp], text)

    def test_jobs(self) -> None:
        """A service that ends is a job, which has no instances; the others do not wait for it."""
        done = {"migrate": {"condition": "service_completed_successfully"}}
        found = self.services(
            web={"image": "a", "depends_on": done},
            migrate={"image": "b", "depends_on": ["db"], "scale": 2},
            db={"image": "postgres"},
        )
        web, job = (one.write() for one in found.definitions[:2])
        self.assertEqual(({"Once": True}, False, False), (job["Schedule"], "After" in job, "After" in web))
        self.assertEqual([False, True, False], [one.weighty for one in found.findings])
        self.assertIn(
            "until it has run, or if they have one image, run its command as Before of web", str(found.weighty[0])
        )
        self.assertEqual({"Once": True}, self.definition(restart="no")["Schedule"])
        own: dict[str, Any] = {"x-daprdockr": {"Schedule": {"Cron": "5 4 * * *"}}, "scale": 3}
        self.assertEqual({"Cron": "5 4 * * *"}, self.definition(**own)["Schedule"])

    def test_networks(self) -> None:
        """Networks that keep services from each other are named."""
        top = {"networks": {"front": {"internal": True}, "back": {}}}
        found = self.found(top, networks=["front"], others="db")
        self.assertEqual(
            [
                "! networks.front.internal: containers reach the outside: keep them from it by the host's firewall",
                "networks: there is one network for all services: those that shall not reach each other need a"
                " firewall",
            ],
            sorted(found),
        )


class StoredTests(ServiceCase):
    """Configs, secrets and files of volumes."""

    def test_errors(self) -> None:
        """A name that is not defined, and a file that is not there, is an error."""
        cases: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
            "services.web.configs[0]: 'no' is not among the configs at the top": ({}, {"configs": ["no"]}),
            "services.web.secrets[0]: 'no' is not among the secrets at the top": ({}, {"secrets": ["no"]}),
            "services.web.volumes[0]: 'no' is not among the volumes at the top": ({}, {"volumes": ["no:/a"]}),
            "services.web.volumes[0]: 'a:b:c:d' is not usable": ({}, {"volumes": ["a:b:c:d"]}),
            "services.web.volumes[0]: 'rel' is not usable, write a whole path": ({}, {"volumes": ["rel"]}),
            "services.web.configs[0]: there is no file '/shop/x'": (
                {"configs": {"a": {"file": "x"}}},
                {"configs": ["a"]},
            ),
            "services.web.configs[0]: variable NO is not set": (
                {"configs": {"a": {"environment": "NO"}}},
                {"configs": ["a"]},
            ),
            "services.web.configs[0]: '0999' is not usable, write octal": (
                {"configs": {"a": {"content": "x"}}},
                {"configs": [{"source": "a", "mode": "0999"}]},
            ),
        }
        for expected, (top, keys) in cases.items():
            self.assertIn(expected, self.wrong(top, **keys))

    def test_contents(self) -> None:
        """A content is stated, unless it is too large or no text: then its file has to be stored."""
        configs = {"a": {"environment": "HOME_OF"}, "b": {"file": "b"}, "c": {"external": True, "name": "shared.conf"}}
        top = {"configs": {**configs, "d": {"file": "d"}, "e": {"external": {"name": "old"}}}}
        found = self.imported(
            top, {"b": "x" * 70_000, "d": "a\0b"}, configs=["a", {"source": "b", "target": "b.txt"}, "c", "d", "e"]
        )
        files = found.definitions[0].write()["Files"]
        self.assertEqual(["h", None, None, None, None], [one.get("Content") for one in files])
        self.assertEqual([None, "shop_b", "shared.conf", "shop_d", "old"], [one.get("Name") for one in files])
        self.assertEqual(["/a", "/b.txt", "/c", "/d", "/e"], [one["Target"] for one in files])
        self.assertIn("daprdockrcmd file set shop_b b", found.findings[0].text)

    def test_secrets(self) -> None:
        """A secret keeps its place in the container, and its value has to be stored."""
        top = {"secrets": {"a": {"environment": "X"}, "b": {"file": "b", "name": "own"}}}
        found = self.imported(top, secrets=["a", {"source": "b", "target": "/etc/b"}])
        self.assertEqual(
            [{"Name": "shop_a", "Target": "/run/secrets/a"}, {"Name": "own", "Target": "/etc/b"}],
            found.definitions[0].write()["Secrets"],
        )
        self.assertEqual(
            [
                "set its value: daprdockrcmd secret set shop_a, with the value of X on stdin",
                "set its value: daprdockrcmd secret set own b",
            ],
            [one.text for one in found.findings],
        )

    def test_shared(self) -> None:
        """A secret or a file that several services use has to be stored once."""
        top = {"secrets": {"a": {"file": "a"}}, "configs": {"b": {"file": "b"}}}
        used = {"secrets": ["a"], "configs": ["b"]}
        services = {name: {"image": name, **used} for name in ("web", "worker")}
        found = self.imported({**top, "services": services}, {"b": "a\0b"})
        self.assertEqual({SecretKey("shop_a"): 1, FileKey("shop_b"): 1}, Counter(one.value for one in found.findings))

    def test_volumes(self) -> None:
        """Options of the short form are kept."""
        top = {"volumes": {"a": {"external": True}, "b": {"name": "whole"}}}
        found = self.definition(
            top, volumes=["a:/a:ro", "b:/b", "/h:/h:rshared", "a:/c:nocopy", {"type": "tmpfs", "target": "/t"}]
        )
        self.assertEqual(["a:/a:ro", "whole:/b"], found["Container"]["Volumes"])
        self.assertEqual(
            [{"Propagation": "rshared"}, None], [one.get("BindOptions") for one in found["Container"]["Mounts"]]
        )
        self.assertEqual({"NoCopy": True}, found["Container"]["Mounts"][1]["VolumeOptions"])
        self.assertEqual({"/t": ""}, found["Container"]["Tmpfs"])

    def test_tmpfs_mode(self) -> None:
        """A file system in memory keeps all of its mode: where all users write, its sticky bit matters."""
        for mode, expected in ((1777, "1777"), ("01777", "1777"), ("0o755", "0755"), (700, "0700")):
            given = {"type": "tmpfs", "target": "/t", "tmpfs": {"size": "1k", "mode": mode}}
            found = self.definition(None, volumes=[given])
            self.assertEqual({"/t": f"size=1024,mode={expected}"}, found["Container"]["Tmpfs"])

    def test_long_bind(self) -> None:
        """A file of this machine is carried over with its content in the long form too."""
        found = self.definition(
            None, {"a.conf": "x"}, volumes=[{"type": "bind", "source": "./a.conf", "target": "/a", "read_only": True}]
        )
        self.assertEqual([{"Target": "/a", "Content": "x"}], found["Files"])
