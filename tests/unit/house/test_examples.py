"""The files below ``etc`` that a person copies are right."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.arguments.options import Options
from daprdockr.model.wanted.definition import Definition
from tests.unit.house.sources import CHECKOUT

EXAMPLES = sorted((CHECKOUT / "etc/examples").glob("*.json"))
# Options that the sample names by their environment variable instead.
BY_VARIABLE = {"etcd": "ETCD_HOSTS", "docker": "DOCKER_HOST", "host": "HOST_IP"}


class ExampleTests(SynchronousTestCase):
    """``etc/examples`` and ``etc/daprdockr.env``."""

    def test_examples_are_definitions(self) -> None:
        """Each example is a definition as agent and command line read it, of the service its file is called after."""
        names = [Definition.parse(path.read_bytes()).name for path in EXAMPLES]
        self.assertEqual([f"{path.stem}.myapp" for path in EXAMPLES], [str(name) for name in names])
        self.assertIn("web", [path.stem for path in EXAMPLES])

    def test_sample_settings_name_every_option(self) -> None:
        """The sample settings tell of each option that the agent takes."""
        sample = (CHECKOUT / "etc/daprdockr.env").read_text()
        options = {option.rstrip("=") for option in Options({}).longOpt} - {"help", "version"}
        told = {
            option for option in options if f"--{option} " in sample or BY_VARIABLE.get(option, "-") + "=" in sample
        }
        self.assertEqual(set(), options - told)
        self.assertIn("etcd", told)
