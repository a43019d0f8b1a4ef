"""
The Compose files below ``tests/compose``: the definitions of each, and those that are expected.

``python -m tests.build.compose_samples`` writes the expectations anew; read the difference before it is committed.
"""

from __future__ import annotations

from pathlib import Path

from daprdockr.cli.compose_files import read_file
from daprdockr.cli.compose_yaml import read_compose
from daprdockr.cli.definition_yaml import written
from daprdockr.compose.definitions import Imported, definitions
from daprdockr.compose.loading import ComposeSources, load
from daprdockr.compose.variables import ReadFile

SAMPLES = Path(__file__).resolve().parents[1] / "compose"
NAMES = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir())
FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "compose.prod.yaml")
"""The names of the files of a sample, in the order in which they are merged."""

DEFINITIONS, FINDINGS = "expected.yaml", "expected.txt"


def imported(name: str) -> Imported:
    """A sample as definitions, with paths relative to its directory."""
    directory = SAMPLES / name
    files = [str(directory / file) for file in FILES if (directory / file).exists()]
    sources = ComposeSources(
        read_file, lambda data, path: read_compose(data, str(Path(path).relative_to(directory))), environment={}
    )
    return definitions(load(files, sources), read_file)


def project(files: dict[str, str], environment: dict[str, str] | None = None, profiles: str = "") -> Imported:
    """Files in memory as definitions, of which ``compose.yaml`` is the one that is imported."""
    given: ReadFile = {f"/shop/{name}": text.encode() for name, text in files.items()}.get
    sources = ComposeSources(
        given, lambda data, path: read_compose(data, path.removeprefix("/shop/")), environment or {}
    )
    return definitions(load(["/shop/compose.yaml"], sources, profiles.split()), given)


def texts(found: Imported) -> tuple[str, str]:
    """The definitions as they are printed, and the findings; those with weight are marked."""
    lines = [f"{'!' if one.weighty else ' '} {one}\n" for one in found.findings]
    return written(found.definitions), "".join(lines)


if __name__ == "__main__":
    for name in NAMES:
        for file, text in zip((DEFINITIONS, FINDINGS), texts(imported(name)), strict=True):
            (SAMPLES / name / file).write_text(text, encoding="utf-8")
