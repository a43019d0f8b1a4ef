"""Which of several services has a port, or a path of a host name, and what the others lack."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.known.owners import RouteOwner, in_short, owners, taken
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.revisioned import Service
from tests.build.values import API, HTTP, WEB, fixing, named

PORT = [{"Port": 5432, "ContainerPort": 5432}]


def stored(name: str, created: int, **members: Any) -> Service:
    return Service(named(name, **members), created, revision=99)


def texts(*services: Service) -> dict[str, list[str]]:
    """Return what each service lacks, whatever the order in which the services are given."""
    found, reverse = taken(services), taken(services[::-1])
    assert found == reverse
    return {str(name): [str(one) for one in of_one] for name, of_one in found.items()}


class OwnerTests(SynchronousTestCase):
    def test_oldest(self) -> None:
        """The oldest has it, in whichever order they come; of two of one age, the first by name."""
        old, young = RouteOwner(WEB, 4), RouteOwner(API, 5)
        self.assertEqual(owners([("a", young), ("a", old), ("b", young)]), {"a": old, "b": young})
        self.assertEqual(owners([("a", RouteOwner(WEB, 5)), ("a", young)]), {"a": young})


class TakenTests(SynchronousTestCase):
    """The ports and host names that services of a cluster want and do not have."""

    def test_ports(self) -> None:
        """The younger lacks the port of the older one; the same port of another protocol is another port."""
        old, young = stored("db", 4, Tcp=PORT), stored("api", 5, Tcp=PORT, Udp=PORT)
        self.assertEqual(texts(young, old), {"api.myapp": ["port 5432/tcp belongs to db.myapp"]})
        self.assertEqual(texts(stored("db", 4, Tcp=PORT), stored("api", 5, Udp=PORT)), {})
        udp = stored("dns", 3, Udp=PORT), stored("api", 5, Udp=PORT)
        self.assertEqual(texts(*udp), {"api.myapp": ["port 5432/udp belongs to dns.myapp"]})

    def test_paths(self) -> None:
        """So it is with a path of a host name; another path, and another name, are free."""
        old = stored("web", 4, Http=HTTP)
        young = [HTTP | {"HostName": "example.com,example.org"}, HTTP | {"Path": "/api"}]
        self.assertEqual(texts(old, stored("api", 5, Http=young)), {"api.myapp": ["example.com/ belongs to web.myapp"]})
        self.assertEqual(
            texts(stored("web", 4, Http=HTTP | {"Path": "/api"}), stored("api", 5, Http=young)),
            {"api.myapp": ["example.com/api belongs to web.myapp"]},
        )

    def test_fixed(self) -> None:
        """A route and a fixed host port exclude each other; of two fixed ones each has its own node."""
        for created, expected in (
            (4, {"api.myapp": ["port 5432/tcp belongs to the PortBindings of db.myapp"]}),
            (6, {"db.myapp": ["port 5432/tcp belongs to api.myapp"]}),
        ):
            fixed = stored("db", created, Container=fixing(5432))
            self.assertEqual(texts(fixed, stored("api", 5, Tcp=PORT)), expected)
        self.assertEqual(texts(stored("db", 4, Container=fixing(5432)), stored("api", 5, Container=fixing(5432))), {})

    def test_three(self) -> None:
        """All but the oldest lack it, whatever became of the definitions since; alone none lacks anything."""
        three = [stored(name, created, Tcp=PORT) for name, created in (("a", 7), ("b", 3), ("c", 5))]
        expected = ["port 5432/tcp belongs to b.myapp"]
        self.assertEqual(texts(*three), {"a.myapp": expected, "c.myapp": expected})
        self.assertEqual(texts(three[0]), {})
        self.assertEqual(taken(()), {})

    def test_in_short(self) -> None:
        """One line has the first ones, and how many more there are; each says what helps."""
        names = ",".join(f"{letter}.com" for letter in "abcde")
        old, young = (stored(name, n, Http=HTTP | {"HostName": names}) for n, name in ((1, "old"), (2, "young")))
        found = taken([old, young])[ServiceName("myapp", "young")]
        first = ", ".join(f"{letter}.com/ belongs to old.myapp" for letter in "abc")
        self.assertEqual((in_short(found), in_short(())), (f"{first}, 2 more like it", ""))
        self.assertEqual({one.remedy for one in found}, {"choose another host name or path"})
