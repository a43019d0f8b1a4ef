"""The names and ports by which the services of a Compose file address each other."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.compose.addressing import SCHEMES
from tests.build.compose_samples import project


class AddressingTests(SynchronousTestCase):
    """A service ``web`` that uses a service ``db``."""

    def ports(self, web: dict[str, Any], **db: Any) -> tuple[list[int], list[str]]:
        """The ports of every node that lead to ``db``, and what is said about them."""
        services = {"web": {"image": "web", **web}, "db": {"image": "mariadb:11", **db}}
        found = project({"compose.yaml": json.dumps({"services": services})})
        lines = [f"{one.path}: {one.text}" for one in found.findings if ".db.ports" not in one.path]
        return [one.port for one in found.definitions[1].tcp], lines

    def test_host_and_port(self) -> None:
        """A variable with a name alone has its port in the one beside it, or it is the usual port of the image."""
        for variables, expected in {
            "DB_HOST=db DB_PORT=3999": [3999],
            "host=db port=3999": [3999],
            "URL=db BROKER=db SERVER=db PORT=3999": [3306],  # the port on which web itself listens
            "DB_HOST=db DB_PORT=none": [3306],
            "DB_HOST=db DB_PORT=70000": [3306],
            "MEMCACHED_SERVERS=x,db": [3306],
            "DB_NAME=db ROLE=db HOST_ID=db": [],
            "DB_HOST=db:3999": [3999],
            "U=mysql://db:1234@db:3999/x V=mysql://db:4dmin@db": [3999, 3306],  # a user and its password
        }.items():
            self.assertEqual((expected, []), self.ports({"environment": variables.split()}), variables)

    def test_schemes(self) -> None:
        """An address without a port has that of its scheme."""
        for scheme, port in SCHEMES.items():
            expected = [] if scheme in ("http", "https") else [port]
            self.assertEqual(expected, self.ports({"command": [f"{scheme}://u@db/x"]})[0], scheme)

    def test_published_otherwise(self) -> None:
        """The usual port leads to a service also if the file publishes it by another number, or on loopback alone."""
        for port, expected in {
            "13306:3306": [13306, 3306],
            "127.0.0.1:3306:3306": [3306],
            "3306": [3306],
            "8080:8080": [8080, 3306],
            "3306:3306": [3306],
        }.items():
            self.assertEqual((expected, []), self.ports({"depends_on": ["db"]}, ports=[port]), port)

    def test_stated(self) -> None:
        """No port is guessed for a service if the file states one."""
        web = {"environment": ["U=http://db:80800 db:99"], "depends_on": ["db"]}
        self.assertEqual(([99], []), self.ports(web))
        self.assertEqual(([98], []), self.ports({"depends_on": ["db"]}, expose=["98"]))
        own: dict[str, Any] = {"TCP": [{"Port": 5, "ContainerPort": 3306}]}
        self.assertEqual(([5], []), self.ports({"depends_on": ["db"]}, **{"x-daprdockr": own}))

    def test_another_number(self) -> None:
        """A port that is not reached, or only by another number, is named for those that wait for its service."""
        web = {"depends_on": ["db"]}
        begin = "services.web.depends_on: port 3000 of db is"
        expected = [f"{begin} 8081 here: if web connects to it, use db:8081"]
        self.assertEqual(([8081], expected), self.ports(web, image="a", ports=["8081:3000"]))
        expected = [f"{begin} any free one here: if web connects to it, give it expose"]
        self.assertEqual(([], expected), self.ports(web, image="a", ports=["3000"]))
        self.assertEqual(([], []), self.ports(web, image="a", ports=["80:80"]))
        self.assertEqual(([], []), self.ports(web, image="a", ports=["3000:3000/udp"]))

    def test_foreign_names(self) -> None:
        """A name that only Compose or Swarm would know is named where it is used, with the one that it has here."""
        for name in ("tasks.db", "shop_db", "shop-db-1", "shop_db_1", "the_db"):
            text = f"services.web.environment: no service is called {name} here: use db in its place"
            for variable in (f"DB_HOST={name}", f"U=http://{name}:3306/x"):
                _, found = self.ports({"environment": [variable]}, container_name="the_db")
                self.assertIn(text, found, variable)
        _, found = self.ports({"environment": ["DB_HOST=the_db"]}, environment=["ADDR=tasks.db", "HOSTNAME=the_db"])
        self.assertEqual(["services.db.environment: no service is called tasks.db here: use db in its place"], found)
        _, found = self.ports({"environment": ["DB_HOST=db"]}, container_name="web")
        self.assertEqual(1, len(found))
