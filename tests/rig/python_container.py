"""
This checkout's Python in a container, without an image of its own: host directories, mounted read-only at their places.

The agent needs ``--allow binds``. The image is the sample image, whose shell and libraries stay out of the way.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.rig.docker_engine import CHECKOUT, sample_image

ALLOW = ("--allow", "binds")
"""Options of an agent that runs such containers."""

PORT = 8080
LIBRARIES = ("/usr", "/lib", "/lib64")


def python_container(*words: str, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The ``Container`` of a definition that runs ``python WORDS`` in the checkout; it exposes ``PORT``."""
    variables = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "HOME": "/tmp", **(environment or {})}
    return {
        "Image": sample_image(),
        "Cmd": [sys.executable, *words],
        "WorkingDir": str(CHECKOUT),
        "Binds": [f"{path}:{path}:ro" for path in mounted()],
        "Env": [f"{name}={value}" for name, value in variables.items()],
        "ExposedPorts": [str(PORT)],
    }


def mounted() -> Iterator[Path]:
    """The directories that Python and its packages lie in, none of them within another."""
    libraries = [path for path in map(Path, LIBRARIES) if path.exists()]
    wanted = sorted({Path(sys.prefix).resolve(), Path(sys.base_prefix), CHECKOUT, *libraries})
    outermost: list[Path] = []
    for path in wanted:
        if not any(path.is_relative_to(other) for other in outermost):
            outermost.append(path)
    return iter(outermost)
