"""The frame of a command line: help, address, errors and exit statuses."""

from __future__ import annotations

import errno
import io
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr import __version__
from daprdockr.arguments.address import default_address
from daprdockr.cli import manual
from daprdockr.cli.main import main
from daprdockr.etcd.address import Access
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.etcd_member import HostPart
from tests.fakes.command_line import LentStore, Outcome, command_line
from tests.fakes.store import MemoryStore


class Faulty(MemoryStore):
    """A store whose ``get`` raises what it is given."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def get(self, key: str) -> None:
        raise self.error


class MainTests(SynchronousTestCase):
    """The behaviour that does not depend on the command."""

    def test_help(self) -> None:
        """Help goes to stdout, and asks nobody."""
        store = LentStore()
        self.assertEqual(command_line(store, "-help"), Outcome(0, manual.text(), ""))
        self.assertEqual(store.calls, [])

    def test_address(self) -> None:
        """The address is HOST_IP, in its canonical form, else that of ``join``, else that of the default route."""
        files = ClusterFiles(Path(self.mktemp()).absolute())
        usual = ("-ip", "-state-dir", str(files.state))
        self.assertEqual(command_line(MemoryStore(), *usual).stdout, default_address() + "\n")
        files.write(files.host, HostPart("a", "127.0.0.9").encode())
        self.assertEqual(command_line(MemoryStore(), *usual).stdout, "127.0.0.9\n")
        files.write(files.host, b"it cannot be read")
        self.assertEqual(command_line(MemoryStore(), *usual).stdout, default_address() + "\n")
        given = {"HOST_IP": "192.0.2.1, 2001:DB8::1"}
        self.assertEqual(command_line(MemoryStore(), "-ip", environment=given).stdout, "192.0.2.1,2001:db8::1\n")
        found = command_line(MemoryStore(), "-ip", "-o", "json", environment=given).json
        self.assertEqual(found, {"Addresses": ["192.0.2.1", "2001:db8::1"]})

    def test_unnamed_etcd(self) -> None:
        """Where no etcd was named, and none answers, the line says how to name one."""
        away = Faulty(EtcdUnavailable("etcd did not answer: check it", sent=False))
        line = "daprdockrcmd: etcd did not answer: check it"
        named = command_line(away, "-get", "-svc", "web.myapp", "-etcd", "http://a:1")
        self.assertEqual((named.status, named.stderr), (1, f"{line}\n"))
        unnamed = command_line(away, "-get", "-svc", "web.myapp", environment={})
        self.assertEqual(unnamed.stderr, f"{line}, or name another etcd by -etcd or ETCD_HOSTS\n")

    def test_version(self) -> None:
        """Every usual way to ask for the version gives it, and no etcd is asked."""
        for line in ("version", "-version", "--version", "ps -version"):
            done = command_line(Faulty(RuntimeError()), *line.split())
            self.assertEqual((done.status, done.stdout.partition(",")[0]), (0, f"daprdockr {__version__}"), line)
        self.assertEqual(command_line(MemoryStore(), "--version", "-o=json").json["Version"], __version__)

    def test_json_alone(self) -> None:
        """A command that prints JSON anyway takes the flag that asks for it, and refuses the one for a table."""
        self.assertEqual(command_line(MemoryStore(), "-get", "-o", "json").json, [])
        for line in ("-get", "-set -svc web.myapp -image x", "backup", "restart web.myapp", "rollback web.myapp"):
            done = command_line(MemoryStore(), *line.split(), "-o", "table")
            self.assertEqual((done.status, done.stdout), (2, ""))
            self.assertIn("prints JSON alone, write json or leave it out", done.stderr)

    def test_bad_address(self) -> None:
        """HOST_IP that is no address is refused by its name."""
        done = command_line(MemoryStore(), "-ip", environment={"HOST_IP": "here"})
        self.assertEqual((done.status, done.stdout), (1, ""))
        self.assertIn("HOST_IP: 'here' is not usable", done.stderr)

    def test_wrong_usage(self) -> None:
        """Wrong usage is one line and exit status 2."""
        done = command_line(MemoryStore(), "-zzzz")
        self.assertEqual(done, Outcome(2, "", "daprdockrcmd: '-zzzz' is not a known flag: -help lists them all\n"))

    def test_unreadable_stdin(self) -> None:
        """A stdin that cannot be read is said in one line, and is no fault of ours."""

        class WriteOnly(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                raise OSError(errno.EBADF, "Bad file descriptor")

        for line in ("-stdin", "restore", "apply -f -", "import -", "secret set token"):
            stdout, stderr = io.TextIOWrapper(io.BytesIO()), io.StringIO()
            status = main(line.split(), {}, WriteOnly(), stdout, stderr, lambda access: MemoryStore())
            self.assertEqual((status, stderr.getvalue().count("\n")), (1, 1), line)
            self.assertIn(" cannot be read: Bad file descriptor", stderr.getvalue())

    def test_etcd_is_away(self) -> None:
        """etcd that does not answer is one line and exit status 1."""
        store = LentStore()
        store.unavailable = True
        done = command_line(store, "-get")
        self.assertEqual((done.status, done.stderr.count("\n"), store.lent), (1, 1, 0))

    def test_verbose(self) -> None:
        """The traceback is printed only if it is asked for."""
        store = LentStore()
        store.unavailable = True
        self.assertIn("Traceback", command_line(store, "-get", "-v").stderr)
        self.assertNotIn("Traceback", command_line(store, "-get", "-v=false").stderr)

    def test_fault_of_ours(self) -> None:
        """An error nobody thought of is one line, too."""
        done = command_line(Faulty(RuntimeError("two\nlines")), "-get", "-svc", "web.myapp")
        self.assertEqual((done.status, done.stderr.count("\n")), (1, 1))
        self.assertIn("RuntimeError", done.stderr)

    def test_interrupted(self) -> None:
        """Ctrl-C ends it without any output, with the exit status shells expect."""
        done = command_line(Faulty(KeyboardInterrupt()), "-get", "-svc", "web.myapp")
        self.assertEqual(done, Outcome(130, "", ""))

    def test_full(self) -> None:
        """A full disk is no fault of ours."""
        done = command_line(Faulty(OSError(errno.ENOSPC, "No space left on device")), "-get", "-svc", "web.myapp")
        self.assertEqual(done, Outcome(1, "", "daprdockrcmd: nothing more can be written: No space left on device\n"))

    def test_nobody_reads(self) -> None:
        """A closed pipe is the caller's affair."""

        class Closed(io.StringIO):
            def write(self, text: str) -> int:
                raise BrokenPipeError

        def connect(access: Access) -> MemoryStore:
            return MemoryStore()

        self.assertRaises(BrokenPipeError, main, ["-get"], {}, io.BytesIO(), Closed(), io.StringIO(), connect)


class ImportTests(SynchronousTestCase):
    """The modules that a command line loads before it knows what to do."""

    def test_nothing_heavy(self) -> None:
        """Neither Twisted, gRPC nor the parts of other commands are loaded to read a command line."""
        heavy = {"twisted", "grpc", "etcd3", "docker", "argparse", "daprdockr.model.wanted.definition"}
        self.assertEqual(self.loaded("main", heavy), "[]\n")

    def test_no_plan_for_reading(self) -> None:
        """A command that reads loads nothing of what plans are made of."""
        for command in ("ps", "status", "why", "wait"):
            found = self.loaded(f"commands.{command}", {"daprdockr.planning.situation", "daprdockr.planning.steps"})
            self.assertEqual(found, "[]\n", command)

    def loaded(self, module: str, heavy: set[str]) -> str:
        """Return which of these a module of the command line loads."""
        source = f"import sys, daprdockr.cli.{module}; print(sorted({heavy}.intersection(sys.modules)))"
        return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout
