"""The figures of ``benchmarks.memory``: what the kernel says, the table, and the verdicts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.memory import Memory, Quiet, report

ROLLUP = """55f0c2a000-7ffd000 ---p 00000000 00:00 0    [rollup]
Rss:              100000 kB
Pss:               80000 kB
Shared_Clean:      25000 kB
Private_Clean:      5000 kB
Private_Dirty:     70000 kB
"""


class MemoryTests(SynchronousTestCase):
    def test_rollup(self) -> None:
        """The kernel's kB are 1,024 octets, and a MB is a million; private is what no other process uses."""
        memory = Memory.of(ROLLUP)
        self.assertEqual((memory.rss, memory.pss, memory.private, memory.dirty), (102.4, 81.92, 76.8, 71.68))

    def test_verdicts(self) -> None:
        """The agents that know services are judged, by the memory in use and the processor time."""
        small, large = Quiet(Memory(70, 60, 50, 40), 20, 0.2), Quiet(Memory(90, 80, 70, 60), 20, 0.45)
        found = [("no service", small), ("1,000 instances of 50", small), ("1,000 services", large)]
        lines = report(found).splitlines()
        self.assertIn("70.0", lines[1])
        self.assertEqual(
            lines[-4:],
            [
                "1,000 instances of 50: at most 75 MB in use: 70.00, met",
                "1,000 instances of 50: at most 0.5 % of a core: 0.20, met",
                "1,000 services: at most 75 MB in use: 90.00, MISSED",
                "1,000 services: at most 0.5 % of a core: 0.45, met",
            ],
        )
