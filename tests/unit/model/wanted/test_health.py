"""The health check of a definition: forms, limits, and that it reads back what it writes."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.wanted.health import Health


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
            {"StartPeriod": -1},
            {"StartPeriod": 3601},
            {"Retries": 2.5},
            {"Cmd": "true"},
            {"Type": "exec"},
            {"Type": "exec", "Cmd": []},
        )
        for members in bad:
            error = self.assertRaises(BadInput, Health.read, {"Type": "http", **members}, "Health")
            self.assertTrue(str(error).startswith("Health."), str(error))

    def test_digest(self) -> None:
        """Equal checks have the same digest, also where a number is written otherwise, and others another one."""
        one, other = (Health.read({"Type": "tcp", "Port": 1, "Interval": seconds}, "Health") for seconds in (7, 7.0))
        self.assertEqual(one.digest, other.digest)
        self.assertNotEqual(one.digest, evolve(one, interval=8).digest)

    def test_reads_what_it_writes(self) -> None:
        """Every type of check reads back from its JSON form."""
        for health in (
            Health(),
            Health(type="http", path="/up", port=81, interval=0.5, timeout=1, retries=1, start_period=90),
            Health(type="exec", command=("pg_isready", "-q")),
            Health(type="http", host="[fd00::1]:80", headers=(("Authorization", "Bearer x"), ("X-A", ""))),
        ):
            self.assertEqual(Health.read(health.write(), "Health"), health)
