# -*- test-case-name: tests.unit.cli.test_agent_unit -*-
"""The agent of this host as a unit of systemd; where there is no systemd, the line by which a person starts it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.process.atomic import replace_file
from daprdockr.process.held import is_held

UNIT = "daprdockr.service"
USUAL_STATE = Path("/var/lib/daprdockr")
_PROGRAM = "/opt/daprdockr/bin/twistd"


def run_program(words: Sequence[str]) -> None:
    """:raises BadInput: it failed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BadInput(f"{' '.join(words)} failed: {(done.stderr or done.stdout).strip()}")


@frozen
class AgentUnit:
    """
    :ivar units: where units of the operator's own lie, and ``systemd`` exists while systemd runs.
    :ivar run: runs a program, and raises BadInput if that fails.
    """

    state: Path
    say: Callable[[str], None]
    run: Callable[[Sequence[str]], None] = run_program
    units: Path = Path("/etc/systemd/system")
    systemd: Path = Path("/run/systemd/system")

    @property
    def is_possible(self) -> bool:
        return self.systemd.is_dir() and self.state == USUAL_STATE

    def start(self) -> None:
        """Have systemd run the agent, now and at each boot. :raises BadInput: it does not."""
        if not self.is_possible:
            self.say(f"start the agent of this host, and have it started at each boot: {self.line}")
            return
        path = self.units / UNIT
        if path.exists():
            self.say(f"kept {path}")
        else:
            self._write(path)
            self.say(f"made {path}; options of the agent belong in /etc/daprdockr/daprdockr.env")
        self.run(["systemctl", "daemon-reload"])
        self.run(["systemctl", "enable", "--now", UNIT])

    def stop(self) -> None:
        """Have systemd end the agent, and start it no more. :raises BadInput: it does not."""
        if self.is_possible:
            self.run(["systemctl", "disable", "--now", UNIT])
        elif self.runs:
            self.say("end the agent of this host, and have it started no more; this waits for its end")

    @property
    def runs(self) -> bool:
        """Return whether an agent runs with the state directory."""
        return is_held(self.state)

    @property
    def line(self) -> str:
        """The command that runs the agent in the foreground."""
        program = Path(sys.executable).with_name("daprdockrd")
        words = [str(program)] if self.state == USUAL_STATE else [str(program), "--state-dir", str(self.state)]
        return shlex.join(words)

    def _write(self, path: Path) -> None:
        text = Path(__file__).with_name(UNIT).read_text("utf-8")
        text = text.replace(_PROGRAM, _quoted(str(Path(sys.executable).with_name("twistd"))))
        try:
            replace_file(path, text.encode(), synced=True)
            path.chmod(0o644)  # no secret, and people read it
        except OSError as error:
            raise BadInput(f"{path} cannot be written: {error.strerror}") from None


def _quoted(path: str) -> str:
    """Return a path as one argument in a unit: a blank would end it, and % begins a specifier (systemd.syntax(7))."""
    text = path.replace("%", "%%").replace("\\", r"\\").replace('"', r"\"")
    return text if re.fullmatch(r"[A-Za-z0-9_./%+-]+", text, re.ASCII) else f'"{text}"'
