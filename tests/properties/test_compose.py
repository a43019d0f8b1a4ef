"""Compose files with odd values: definitions, or one line that says where the mistake is."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.compose_yaml import read_compose
from daprdockr.cli.definition_yaml import written
from daprdockr.cli.documents import read_definitions
from daprdockr.compose.keys import inside
from daprdockr.model.errors import BadInput
from tests.build.compose_samples import FILES, NAMES, SAMPLES, project
from tests.fuzz.mutations import Mutations

SEED = int(os.environ.get("SEED") or 2026)
TRIED = 1000
WORDS = ("web", "80:80", "./a:/b", "1m30s", "512m", "no", "²", "0444", "${A:-${B}}", "${A?b}", "$$", "${", "x=y")

Slot = tuple[Any, Any, str]
"""A mapping or list, a key or number in it, and its path in the table of keys."""


def slots(value: Any, pattern: str = "") -> Iterator[Slot]:
    """All places of a file where another value may stand."""
    names = inside(pattern)
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        name = "[]" if isinstance(value, list) else f".{key if key in names else '*'}"
        below = f"{pattern}{name}".lstrip(".")
        yield value, key, below
        yield from slots(value[key], below)


def as_json(path: Path) -> str:
    """A Compose file without the tags that only YAML has."""
    return json.dumps(read_compose(path.read_bytes(), path.name), default=lambda tag: None)


def beside(path: Path) -> dict[str, str]:
    """The files that lie beside a Compose file, or below it, by their names."""
    found = (one for one in path.parent.rglob("*") if one.is_file())
    return {str(one.relative_to(path.parent)): one.read_text(encoding="utf-8") for one in found}


class OddFiles:
    """The samples of ``tests/compose``, with odd values in some places. :param random: where chance comes from."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._odd = Mutations(random, []).odd
        paths = [path for name in NAMES for file in FILES if (path := SAMPLES / name / file).exists()]
        self._samples = [(as_json(path), beside(path)) for path in paths]

    def one(self) -> dict[str, str]:
        """The files of a project by their names."""
        sample, others = self._random.choice(self._samples)
        tree: dict[str, Any] = json.loads(sample)
        for _ in range(self._random.randint(1, 3)):
            self._change(*self._random.choice(list(slots(tree))))
        return {**others, "compose.yaml": json.dumps(tree)}

    def _change(self, holder: Any, key: Any, pattern: str) -> None:
        names, former = inside(pattern), holder[key]
        if names and isinstance(former, dict) and self._random.random() < 0.5:
            name = self._random.choice(names)
            former["web" if name == "*" else name] = self._value()
        else:
            holder[key] = self._random.choice((self._value(), [former], None))

    def _value(self) -> Any:
        return self._random.choice(WORDS) if self._random.random() < 0.5 else self._odd()


class ComposeTests(SynchronousTestCase):
    """A thousand files, alike for the same seed."""

    def test_odd(self) -> None:
        """A file gives definitions that can be written and read, or an error of one line with the place."""
        files, usable = OddFiles(Random(SEED)), 0
        for number in range(TRIED):
            tried = files.one()
            text = tried["compose.yaml"]
            try:
                found = project(tried).definitions
            except BadInput as error:
                self.assertRegex(str(error), r"\A([\w/.]+\.yaml:|name:|\S+: there is no service)[^\n\r]*\Z", text)
                continue
            except Exception as error:
                self.fail(f"file {number} of seed {SEED}: {error!r}: {text}")
            given, wrong = read_definitions(["-"], io.BytesIO(written(found).encode()))
            self.assertEqual(([], list(found)), (wrong, [one.definition for one in given]), text)
            usable += 1
        self.assertGreater(usable, TRIED // 20)
