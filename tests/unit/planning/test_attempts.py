"""How long a failure costs: nothing the first time, twice as long each time after, a minute at the most."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.planning.attempts import BRIEF, DELAYS, LASTING, NONE, SPARED, STEADY, Attempts, Failure


class AttemptsTests(SynchronousTestCase):
    def test_a_crash_loop(self) -> None:
        """Failures in a row are followed by delays that double."""
        attempts, delays = NONE, []
        for _ in range(10):
            attempts = attempts.failed(100.0, "died")
            delays.append(attempts.retry_at - 100.0)
        self.assertEqual(delays, [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, DELAYS.limit, DELAYS.limit])
        self.assertEqual((attempts.count, attempts.reason), (10, "died"))

    def test_after_a_steady_run(self) -> None:
        """The end of a container that ran for a while is an accident: nothing that was before counts."""
        attempts = NONE.failed(0, "").failed(0, "").failed(0, "").failed(100.0, "killed", after=STEADY)
        self.assertEqual(attempts.count, 1)
        self.assertLessEqual(attempts.retry_at, 100.0)

    def test_killed_from_outside(self) -> None:
        """A container that somebody killed starts again at once, unless it had hardly begun."""
        failing = NONE.failed(0, "").failed(0, "").failed(0, "")
        killed = failing.failed(100.0, "killed", after=BRIEF, killed=True)
        self.assertEqual((killed.count, killed.retry_at <= 100.0), (1, True))
        brief = failing.failed(100.0, "killed", after=BRIEF / 2, killed=True)
        self.assertEqual((brief.count, brief.retry_at > 100.0), (4, True))

    def test_not_killed(self) -> None:
        """A container that ended by itself after as long is not spared: it would be started again without a pause."""
        died = NONE.failed(0, "").failed(0, "").failed(100.0, "died", after=BRIEF)
        self.assertEqual((died.count, died.spared, died.retry_at > 100.0 - BRIEF), (3, 0, True))

    def test_starts(self) -> None:
        """Starts that failed in a row are counted beside, until one succeeds; what failed last is remembered."""
        failing = NONE.failed(1, "no").failed(2, "no")
        self.assertEqual((NONE.starts, failing.starts, failing.failed(3, "died", ran=True).starts), (0, 2, 0))
        ill = evolve(failing, unhealthy=True).failed(4, "died", after=0.5, killed=True, ran=True)
        self.assertEqual((ill.unhealthy, ill.last), (False, Failure(4, 0.5, killed=True)))

    def test_lasting(self) -> None:
        """After a few failures in a row a fault lasts."""
        self.assertEqual([Attempts(count).lasting for count in (0, LASTING - 1, LASTING)], [False, False, True])

    def test_killed_again_and_again(self) -> None:
        """A kill is spared a few times in a row; then it costs what any death costs, until a run was steady."""
        attempts, delays = NONE, []
        for _ in range(SPARED + 3):
            attempts = attempts.failed(100.0, "killed", after=BRIEF, killed=True)
            delays.append(max(0.0, attempts.retry_at - 100.0))
        self.assertEqual(delays, [0.0] * SPARED + [0.0, 0.5, 1.5])
        steady = attempts.failed(200.0, "killed", after=STEADY, killed=True)
        self.assertEqual((steady.count, steady.spared), (1, 0))

    def test_time_that_it_ran_counts(self) -> None:
        """The delay counts from the start of what failed."""
        attempts = NONE.failed(100.0, "").failed(100.0, "", after=0.4)
        self.assertAlmostEqual(attempts.retry_at, 100.0 - 0.4 + DELAYS.first)

    def test_reasons(self) -> None:
        """A reason that only differs in an id that the Engine made up is the one known before."""
        known = "failed to create endpoint (1f2e3d4c5b6a7980): adding interface veth1a2b3c4 to bridge failed"
        failing = NONE.failed(0, known).failed(
            0, known.replace("1f2e3d4c5b6a7980", "0987654321ab").replace("1a2b3", "5d6e7")
        )
        self.assertEqual(failing.reason, known)
        self.assertEqual(failing.failed(0, "died: exit status 3").failed(0, "died: exit status 4").reason[-1], "4")

    def test_chance(self) -> None:
        """Steps that failed together are tried again at different times: chance takes up to a half off the delay."""
        failing = NONE.failed(0, "")
        for chance, delay in [(0.0, 0.5), (0.5, 0.375), (0.99, 0.2525)]:
            self.assertAlmostEqual(failing.failed(100.0, "", chance=chance).retry_at, 100.0 + delay)

    @given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 10)), max_size=30))
    def test_bounded(self, failures: list[tuple[float, float]]) -> None:
        """However often something failed, the next try is at most the longest delay away."""
        attempts = NONE
        for now, after in failures:
            attempts = attempts.failed(now, "", after)
            self.assertLessEqual(attempts.retry_at, now + DELAYS.limit)
