"""Twenty files in the shapes that people use, below ``tests/compose``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.yaml_documents import read_yaml
from daprdockr.model.wanted.definition import Definition
from tests.build.compose_samples import DEFINITIONS, FINDINGS, NAMES, SAMPLES, imported, texts


class SampleTests(SynchronousTestCase):
    """Their definitions and findings."""

    maxDiff = None

    def test_expected(self) -> None:
        """Each gives the expected definitions, and each key that is not carried over is named."""
        self.assertEqual(20, len(NAMES))
        for name in NAMES:
            shown, findings = texts(imported(name))
            self.assertEqual((SAMPLES / name / DEFINITIONS).read_text(encoding="utf-8"), shown, name)
            self.assertEqual((SAMPLES / name / FINDINGS).read_text(encoding="utf-8"), findings, name)

    def test_applicable(self) -> None:
        """The printed YAML reads back as the same definitions."""
        for name in NAMES:
            found = imported(name)
            read = [Definition.read(one) for one in read_yaml(texts(found)[0])]
            self.assertEqual(list(found.definitions), read, name)
