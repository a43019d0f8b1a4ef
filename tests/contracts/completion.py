"""The completion of every shell once it has read the script that ``daprdockrcmd completion`` prints for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.rig.shell import ENTER, TypedShell

COMMAND = str(Path(sys.executable).parent / "daprdockrcmd")
TAB = "\t"

NAMES = """#!/bin/sh
[ "$1" = names ] || exit 1
shift
for kind; do
    case $kind in
        services) echo web.myapp ;;
        instances) echo 1.db.myapp ;;
        secrets) echo db-password ;;
        jobs) echo nightly.myapp ;;
        volumes:1.db.myapp) echo db-data ;;
        runs:nightly.myapp) echo 17 ;;
        revisions:web.myapp) echo 23 ;;
        nodes) sleep 5; echo host1 ;;
    esac
done
"""


class CompletionContract(SynchronousTestCase):
    """Where there is one way to go on, the shell goes it. ``start`` is for the host class to call."""

    def start(self, shell: list[str], name: str, *lines: str) -> None:
        """Start a shell that reads these lines, and its script."""
        path = Path(self.mktemp()).absolute()
        path.write_bytes(subprocess.run([COMMAND, "completion", name], stdout=subprocess.PIPE, check=True).stdout)
        self.shell = TypedShell(shell, r"GOT<([^>%]*)>", self.names())
        self.addCleanup(self.shell.close)
        for line in (*lines, f"source {path}"):
            self.shell.answer(f"{line}; echo 'GOT''<>'{ENTER}")

    def names(self) -> Path:
        """A directory with a ``daprdockrcmd`` that knows some names at once, and nodes too late."""
        place = Path(self.mktemp()).absolute()
        place.mkdir()
        program = place / "daprdockrcmd"
        program.write_text(NAMES)
        program.chmod(0o755)
        return place

    def completed(self, line: str, key: str = TAB) -> str:
        """The words of the line after the key was pressed behind it."""
        return self.shell.answer(f"daprdockrcmd {line}{key}{ENTER}").strip()

    def test_commands(self) -> None:
        """The first word is a command."""
        self.assertEqual([self.completed(w) for w in ("st", "unc", "trust")], ["status", "uncordon", "trust-etcd"])

    def test_flags(self) -> None:
        """A flag is one that the command takes, with one dash or two."""
        self.assertEqual(self.completed("drain -wa"), "drain -wait")
        self.assertEqual(self.completed("wait --time"), "wait --timeout")
        self.assertEqual(self.completed("-set -svc web.myapp -im"), "-set -svc web.myapp -image")
        self.assertEqual(self.completed("nodes -ye"), "nodes -ye")

    def test_values(self) -> None:
        """A value is completed where it is one of a few; behind a space or an equals sign."""
        self.assertEqual(self.completed("completion z"), "completion zsh")
        self.assertEqual(self.completed("ps -o j"), "ps -o json")
        self.assertEqual(self.completed("-o=t"), "-o=table")

    def test_names(self) -> None:
        """Names are those that the command itself says; a shell does not wait for slow ones."""
        self.assertEqual(self.completed("ps we"), "ps web.myapp")
        self.assertEqual([self.completed("why 1"), self.completed("why w")], ["why 1.db.myapp", "why web.myapp"])
        self.assertEqual(self.completed("-get -svc w"), "-get -svc web.myapp")
        self.assertEqual(self.completed("exec w"), "exec w")
        self.assertEqual(self.completed("drain ho"), "drain ho")

    def test_names_behind_an_action(self) -> None:
        """Behind an action, as in ``secret rm``, stand the names of what it is done with, once."""
        self.assertEqual(self.completed("secret rm d"), "secret rm db-password")
        self.assertEqual(self.completed("job -v run n"), "job -v run nightly.myapp")
        self.assertEqual(self.completed("secret rm x d"), "secret rm x d")
        self.assertEqual(self.completed("job ls n"), "job ls n")

    def test_names_behind_a_name(self) -> None:
        """Behind the name of an instance, a job or a service stand names of what belongs to it, once."""
        self.assertEqual(self.completed("volume backup 1.db.myapp d"), "volume backup 1.db.myapp db-data")
        self.assertEqual(self.completed("job -v logs nightly.myapp 1"), "job -v logs nightly.myapp 17")
        self.assertEqual(self.completed("rollback web.myapp 2"), "rollback web.myapp 23")
        self.assertEqual(self.completed("rollback web.myapp 23 2"), "rollback web.myapp 23 2")
        self.assertEqual(self.completed("job run nightly.myapp 1"), "job run nightly.myapp 1")

    def test_command_behind_flags(self) -> None:
        """Words before the command do not hide it, not even a URL with colons in it."""
        before = "-v -o=json -etcd http://a:1 trust-etcd"
        self.assertEqual(self.completed(f"{before} -ye"), f"{before} -yes")

    def test_files(self) -> None:
        """Where a file is wanted, files are there."""
        place = Path.cwd() / "certificates"
        place.mkdir(exist_ok=True)
        (place / "ca.pem").touch()
        self.assertEqual(self.completed(f"nodes -etcd-ca {place}/c"), f"nodes -etcd-ca {place}/ca.pem")
