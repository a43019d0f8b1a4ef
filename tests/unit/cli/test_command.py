"""The declarations in the modules of the commands."""

from __future__ import annotations

from pkgutil import iter_modules

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli import commands
from daprdockr.cli.command import ACTIONS, WORDS, load
from daprdockr.cli.flags import ALL


class DeclarationTests(SynchronousTestCase):
    """The commands' own declarations."""

    def test_each(self) -> None:
        """Each is named as its module is, takes only flags that exist, and runs with or without etcd, not both."""
        known = {flag.name for flag in ALL}
        for name in (*ACTIONS, *WORDS):
            command = load(name)
            self.assertIn(name, (command.name, "stdin"))
            self.assertEqual(set(command.flags) - known, set(), name)
            self.assertTrue((command.run is None) != (command.offline is None), name)
            self.assertIn(command.spelled, " ".join(form for form, _ in command.usage))

    def test_json(self) -> None:
        """
        Each prints JSON with ``-o json``, but for those that pass streams on, print a script, or are a talk with the
        person at this host.
        """
        without = {name for name in (*ACTIONS, *WORDS) if "o" not in load(name).flags}
        self.assertEqual(without, {"exec", "forward", "completion", "init", "join", "leave", "recover"})

    def test_every_module(self) -> None:
        """No module of the commands is left out of the list of commands."""
        modules = {module.name for module in iter_modules(commands.__path__)}
        self.assertEqual(modules, {*ACTIONS.values(), *(word.replace("-", "_") for word in WORDS)})
