"""HTTP, health, placement and update of a definition: forms, limits, and that each reads back what it writes."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.wanted.parts import Constraint, Health, Http, Placement, Update

LONG_NAME = ".".join(["x" * 63] * 4)
BAD_HOST_NAMES = (
    *("", ",", "a,", "a;b", "a{b", "a}b", "a b", "a\nb", "a.com\n", "a\tb", 'a"b', "a'b", "a\\b", "a$b", "a/b", "a:80"),
    *(
        "a..b",
        ".a",
        "a.",
        "-a",
        "a-",
        "a_b",
        "*",
        "a.*",
        "*a.com",
        "*.*.a",
        "~^a",
        "é.com",
        LONG_NAME,
        "x" * 64,
        None,
        7,
    ),
)


class HttpTests(SynchronousTestCase):
    def test_bad_host_names(self) -> None:
        """What is no host name is refused in one line that names the place."""
        for name in BAD_HOST_NAMES:
            error = self.assertRaises(BadInput, Http.read, {"HostName": name, "ContainerPort": 80}, "Http")
            self.assertTrue(str(error).startswith("Http.HostName"), str(error))
            self.assertTrue(str(error).isprintable(), str(error))

    def test_several_host_names(self) -> None:
        """Host names come by comma, in any case, each once."""
        http = Http.read({"HostName": "B.com, *.a.org,b.com", "ContainerPort": "8080"}, "Http")
        self.assertEqual(http, Http(host_names=("b.com", "*.a.org"), container_port=8080))
        self.assertEqual(Http.read(http.write(), "Http"), http)

    def test_bad_ports(self) -> None:
        """A port outside 1 to 65535 is refused."""
        for port in (0, 65536, "x", "", True, None):
            self.assertRaises(BadInput, Http.read, {"HostName": "a.b", "ContainerPort": port}, "Http")


class HealthTests(SynchronousTestCase):
    def test_bad_members(self) -> None:
        """A member that makes no sense is named."""
        bad: tuple[dict[str, Any], ...] = (
            {"Type": "ping"},
            {"Type": None},
            {"Path": "healthz"},
            {"Path": "/a b"},
            {"Host": "a b"},
            {"Host": "a\r\nX: y"},
            {"Host": ""},
            {"Headers": ["X-A: b"]},
            {"Headers": {"X A": "b"}},
            {"Headers": {"X-A": "b\r\nX-B: c"}},
            {"Headers": {"X-A": "ü"}},
            {"Headers": {"X-A": " b"}},
            {"Headers": {"X-A": "b" * 1025}},
            {"Headers": {"host": "b"}},
            {"Headers": {"Content-Length": "1"}},
            {"Headers": {"X-A": "1", "x-a": "2"}},
            {"Headers": {f"X-{number}": "" for number in range(17)}},
            {"Path": "/a\r\nHost: b"},
            {"Path": "/" + "x" * 1024},
            {"Port": 0},
            {"Interval": 0},
            {"Interval": 3601},
            {"Timeout": -1},
            {"Retries": 0},
            {"Retries": 2.5},
            {"Cmd": "true"},
            {"Type": "exec"},
            {"Type": "exec", "Cmd": []},
        )
        for members in bad:
            error = self.assertRaises(BadInput, Health.read, {"Type": "http", **members}, "Health")
            self.assertTrue(str(error).startswith("Health."), str(error))

    def test_reads_what_it_writes(self) -> None:
        """Every type of check reads back from its JSON form."""
        for health in (
            Health(),
            Health(type="http", path="/up", port=81, interval=0.5, timeout=1, retries=1),
            Health(type="exec", command=("pg_isready", "-q")),
            Health(type="http", host="[fd00::1]:80", headers=(("Authorization", "Bearer x"), ("X-A", ""))),
        ):
            self.assertEqual(Health.read(health.write(), "Health"), health)


class PlacementTests(SynchronousTestCase):
    def test_constraints(self) -> None:
        """A constraint compares a label with a value; spaces do not matter."""
        self.assertEqual(Constraint.read(" zone==a ", "C"), Constraint(label="zone", equal=True, value="a"))
        self.assertEqual(Constraint.read("disk != slow", "C").write(), "disk != slow")

    def test_bad_constraints(self) -> None:
        """Anything else is refused with its place."""
        bad: tuple[object, ...] = (
            "",
            "zone",
            "zone = a",
            "zone == ",
            "== a",
            "zone == a b",
            "zone === a",
            "a == b == c",
            None,
            {},
        )
        for text in bad:
            error = self.assertRaises(BadInput, Placement.read, {"Constraints": ["a == b", text]}, "Placement")
            self.assertTrue(str(error).startswith("Placement.Constraints[1]"), str(error))

    def test_defaults_are_not_written(self) -> None:
        """What stands at its default is left out."""
        self.assertEqual(Placement.read({"OnePerNode": False, "Constraints": []}, "P").write(), {})
        self.assertEqual(Update.read({"Parallelism": 1, "OnFailure": "revert"}, "U").write(), {})
        self.assertEqual(Health.read({"Type": "none", "Path": "/", "Retries": 3}, "H").write(), {"Type": "none"})


class UpdateTests(SynchronousTestCase):
    def test_bad_members(self) -> None:
        """A member that makes no sense is named."""
        for members in ({"Parallelism": 0}, {"Deadline": 0}, {"OnFailure": "panic"}, {"Drain": -1}, {"Speed": 1}):
            error = self.assertRaises(BadInput, Update.read, members, "Update")
            self.assertTrue(str(error).startswith("Update."), str(error))
