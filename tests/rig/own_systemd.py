"""
A real systemd that runs units for a test, as that of a user does: beside the machine's own processes, not as the first.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.rig.docker_engine import until

SYSTEMD = "/lib/systemd/systemd"

BEGIN = """
set -e
if [ ! -e /run/systemd/system ]; then
    mkdir -p /run/systemd
    mount -t tmpfs tmpfs /run/systemd
    mkdir /run/systemd/system
fi
exec "$@"
"""
"""systemd runs for a user only where it runs as the first process, too, which it takes from this directory."""


class OwnSystemd:
    """``start`` returns when it takes commands; ``close`` ends it, and what its units leave behind goes on."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="systemd-"))
        self._run, self._config = self.home / "run", self.home / "config"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.home / "log").read_text("utf-8", "replace")

    def start(self) -> None:
        self._run.mkdir(mode=0o700)
        words = ["unshare", "--mount", "sh", "-c", BEGIN, "sh", SYSTEMD, "--user", "--unit=basic.target"]
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*words, "--log-target=console"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        until(lambda: self.systemctl("is-active", "basic.target").returncode == 0, seen=lambda: self.log)

    def install(self, name: str, text: str) -> None:
        """Write the file of a unit, in the place of a former one."""
        units = self._config / "systemd/user"
        units.mkdir(parents=True, exist_ok=True)
        (units / name).write_text(text)
        self.systemctl("daemon-reload")

    def systemctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        assert self._process is not None
        within = ["nsenter", f"--target={self._process.pid}", "--mount"]
        return subprocess.run(
            [*within, "systemctl", "--user", "--no-pager", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
            env=self._environment,
        )

    def value(self, unit: str, name: str) -> str:
        """Return a property of a unit: ``MainPID``, ``StatusText`` …"""
        return self.systemctl("show", "-P", name, unit).stdout.strip()

    def close(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)
        shutil.rmtree(self.home)

    @property
    def _environment(self) -> dict[str, str]:
        return os.environ | {"XDG_RUNTIME_DIR": str(self._run), "XDG_CONFIG_HOME": str(self._config)}
