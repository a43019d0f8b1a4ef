"""Files over each other."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.compose.merging import as_table, merged, settled
from daprdockr.compose.tree import LinePlace, Override, PlacedMap, Reset
from daprdockr.model.errors import BadInput


def table(value: Any) -> Any:
    if isinstance(value, dict):
        return PlacedMap(((key, table(item)) for key, item in value.items()), dict.fromkeys(value, LinePlace("f", 1)))
    return [table(item) for item in value] if isinstance(value, list) else value


def over(base: Any, later: Any) -> Any:
    return merged(table({"services": {"web": base}}), table({"services": {"web": later}}))["services"]["web"]  # type: ignore[index]


class MergingTests(SynchronousTestCase):
    """One service over another one."""

    def test_rules(self) -> None:
        """Mappings are merged, lists are joined, and texts and commands replaced."""
        cases: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
            ({"image": "a", "user": "u"}, {"image": "b"}, {"image": "b", "user": "u"}),
            ({"command": ["a", "b"]}, {"command": ["c"]}, {"command": ["c"]}),
            (
                {"healthcheck": {"test": ["CMD", "a"]}},
                {"healthcheck": {"test": ["NONE"]}},
                {"healthcheck": {"test": ["NONE"]}},
            ),
            ({"environment": ["A=1", "B"]}, {"environment": {"A": "2"}}, {"environment": {"A": "2", "B": None}}),
            ({"dns": "a"}, {"dns": ["a", "b"]}, {"dns": ["a", "b"]}),
            (
                {"depends_on": ["a"]},
                {"depends_on": {"b": {"condition": "x"}}},
                {"depends_on": {"a": None, "b": {"condition": "x"}}},
            ),
            ({"ports": ["80:80"]}, {"ports": ["80:80", "81:81"]}, {"ports": ["80:80", "81:81"]}),
            ({"extra_hosts": ["a:1"]}, {"extra_hosts": {"b": "2"}}, {"extra_hosts": ["a:1", "b:2"]}),
            ({"extra_hosts": {"b": ["2", "3"]}}, {"extra_hosts": ["a=1"]}, {"extra_hosts": ["b:2", "b:3", "a=1"]}),
            ({"user": "u"}, {"user": None}, {"user": "u"}),
            ({"environment": {"A": "1", "B": "2"}}, {"environment": ["A"]}, {"environment": {"A": None, "B": "2"}}),
            ({"labels": ["a=1"]}, {"labels": {"a": None}}, {"labels": {"a": None}}),
        ]
        for base, later, expected in cases:
            self.assertEqual(expected, over(base, later))

    def test_logging(self) -> None:
        """The options of a log are merged unless its driver is another one, which does not know them."""
        base = {"driver": "json-file", "options": {"max-size": "10m"}}
        cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({"options": {"max-file": "3"}}, {**base, "options": {"max-size": "10m", "max-file": "3"}}),
            ({"driver": "json-file", "options": {"max-size": "1m"}}, {**base, "options": {"max-size": "1m"}}),
            ({"driver": "syslog", "options": {"tag": "a"}}, {"driver": "syslog", "options": {"tag": "a"}}),
            ({"driver": "none"}, {"driver": "none"}),
        ]
        for later, expected in cases:
            self.assertEqual({"logging": expected}, over({"logging": base}, {"logging": later}))
        options = {"options": {"tag": "a"}}
        self.assertEqual(
            {"logging": {"driver": "syslog", **options}}, over({"logging": options}, {"logging": {"driver": "syslog"}})
        )

    def test_unique(self) -> None:
        """Of volumes, configs and secrets with one target the later one counts; of ports equal ones count once."""
        self.assertEqual(
            ["b:/data:ro", {"target": "/x"}, "/y"],
            over({"volumes": ["a:/data", {"target": "/x"}]}, {"volumes": ["b:/data:ro", {"target": "/x"}, "/y"]})[
                "volumes"
            ],
        )
        self.assertEqual(
            [{"source": "s", "uid": "1"}],
            over({"secrets": ["s"]}, {"secrets": [{"source": "s", "uid": "1"}]})["secrets"],
        )
        long, other = {"source": "a", "target": "/data/"}, {"source": "b", "target": "/data"}
        for base, later in ((long, other), (other, long), (long, "b:/data"), ("b:/data", long)):
            self.assertEqual([later], over({"volumes": [base]}, {"volumes": [later]})["volumes"])
        for key in ("volumes", "secrets", "configs", "ports"):  # who reads them says what is wrong, with the place
            self.assertEqual({key: [["a:/data"], None]}, over({key: [["a:/data"]]}, {key: [["a:/data"], None]}))
        port = {"target": 80, "published": 8080}
        self.assertEqual([port], over({"ports": [port]}, {"ports": [dict(port)]})["ports"])

    def test_ports(self) -> None:
        """A port in the long form replaces the same one in the short form, and the other way round."""
        host = {"target": 80, "published": "8080", "mode": "host"}
        for short in ("8080:80", "8080:80/tcp"):
            self.assertEqual({"ports": [host, "81:81"]}, over({"ports": [short, "81:81"]}, {"ports": [host]}))
            self.assertEqual({"ports": [short]}, over({"ports": [host]}, {"ports": [short]}))
        for other in ("8080:80/udp", "8081:80", "127.0.0.1:8080:80", "80", "no port"):
            self.assertEqual({"ports": [other, host]}, over({"ports": [other]}, {"ports": [host]}))

    def test_tags(self) -> None:
        """``!reset`` takes a key away, and ``!override`` replaces it whole."""
        base = {"ports": ["1:1"], "environment": {"A": "1", "B": "2"}}
        found = over(base, {"ports": Override(["2:2"]), "environment": {"A": Reset()}})
        self.assertEqual({"ports": ["2:2"], "environment": {"B": "2"}}, found)
        self.assertEqual({"a": [{}]}, settled(table({"a": Override(table([{"b": Reset()}])), "c": Reset()})))

    def test_table(self) -> None:
        """Nothing is an empty mapping, and a text is none."""
        self.assertEqual({}, as_table(None))
        self.assertRaises(BadInput, as_table, "x")
