# -*- test-case-name: tests.functional.test_guard,tests.functional.test_relay -*-
"""A program of this package, run by the Python that runs the agent."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from daprdockr.process.supervised import Program


def python_program(
    name: str, module: str, directory: Path, *, pidfile: Path, output: Path, environment: Mapping[str, str]
) -> Program:
    """Return the program ``python -m module directory``."""
    return Program(
        name=name,
        # -P: files in the directory in which the agent was started must not be imported.
        argv=[sys.executable, "-P", "-m", module, str(directory)],
        identity=f"{module} {directory}",
        pidfile=pidfile,
        environment=environment,
        output=output,
    )
