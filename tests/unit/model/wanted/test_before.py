"""The command before a rollout: what can be written."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.wanted.before import Before
from daprdockr.model.wanted.definition import Definition
from tests.build.values import definition


class BeforeTests(SynchronousTestCase):
    def test_written_back(self) -> None:
        """It is written as it was read; neither it nor a change of it replaces containers."""
        for given in ({"Cmd": ["migrate", "two words"]}, {"Cmd": ["migrate"], "Deadline": 30}):
            self.assertEqual(Before.read(given, "Before").write(), given)
            whole = definition(Before=given)
            self.assertEqual(Definition.parse(whole.encode()), whole)
            self.assertEqual(whole.digest, definition().digest)

    def test_refused(self) -> None:
        """Without a command, and for a job, it is refused."""
        cases: tuple[tuple[dict[str, object], str], ...] = (
            ({}, "Before.Cmd is missing"),
            ({"Cmd": []}, "Before.Cmd is empty"),
        )
        for given, text in cases:
            self.assertIn(text, str(self.assertRaises(BadInput, Before.read, given, "Before")))
        job = {"Name": "r", "Group": "g", "Container": {"Image": "x"}, "Schedule": {"Once": True}}
        error = self.assertRaises(BadInput, Definition.read, {**job, "Before": {"Cmd": ["x"]}})
        self.assertIn("Before does not go with Schedule", str(error))

    def test_runs(self) -> None:
        """It is carried out as a job that runs once."""
        runs = definition(Before={"Cmd": ["migrate"], "Deadline": 30}).runs
        assert runs is not None
        self.assertEqual((runs.once, runs.deadline, runs.retries), (True, 30, 0))
        self.assertIsNone(definition().runs)
