"""The processes of containers, read from a ``/proc`` of the test's own, and who is signalled."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.guard.processes import Processes

ONE, TWO = "a1" * 32, "b2" * 32
# As Engines write them: version 1 with cgroupfs and with a parent, 2 with systemd, seen from another cgroup namespace.
CGROUPS = {
    "1": f"12:pids:/docker/{ONE}\n11:memory:/engine-3/{ONE}\n1:name=systemd:/engine-3/{ONE}\n0::/\n",
    "2": f"0::/system.slice/docker-{ONE}.scope\n",
    "2 below": f"0::/docker/{ONE}/init.scope/worker\n",
    "namespace": f"0::/../../docker/{ONE}\n",
}


class ProcCase(SynchronousTestCase):
    """Processes in a directory; ``sent`` keeps what was signalled to which pidfd, of ``opened``."""

    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.root.mkdir()
        (self.root / "meminfo").write_text("no process")
        self.opened: list[int] = []
        self.sent: list[tuple[int, int]] = []
        self.at_open: Callable[[], None] = lambda: None
        self.send_error: OSError | None = None
        self.processes = Processes(self.root, self.open_pidfd, self.send)

    def process(
        self, pid: int, cgroup: str, parent: int = 1, numbers: str = "", state: str = "S", threads: int = 1
    ) -> None:
        """A process, as the kernel describes it; ``numbers`` are its pids from the outermost namespace on."""
        place = self.root / str(pid)
        place.mkdir(exist_ok=True)
        fields = [state, str(parent), *["0"] * 15, str(threads), *["0"] * 10]
        (place / "stat").write_text(f"{pid} (a) b (c) {' '.join(fields)}\n")
        (place / "status").write_text(f"Name:\tNSpid:\nPPid:\t{parent}\nNSpid:\t{numbers or pid}\n")
        (place / "cgroup").write_text(cgroup)

    def open_pidfd(self, pid: int) -> int:
        if not (self.root / str(pid)).exists():
            raise ProcessLookupError()
        self.at_open()
        self.opened.append(os.open(os.devnull, os.O_RDONLY))
        return self.opened[-1]

    def send(self, descriptor: int, number: int) -> None:
        if self.send_error is not None:
            raise self.send_error
        self.sent.append((descriptor, number))

    def of(self, *containers: str) -> dict[str, list[int]]:
        return {container: sorted(pids) for container, pids in self.processes.of(containers).items()}


class FindingTests(ProcCase):
    """``of``."""

    def test_cgroups(self) -> None:
        """A container is found whatever version and driver its cgroup has."""
        for pid, cgroup in enumerate(CGROUPS.values(), 100):
            self.process(pid, cgroup)
        self.assertEqual(self.of(ONE), {ONE: [100, 101, 102, 103]})

    def test_others(self) -> None:
        """Nobody else's processes are, and none of a container whose id only begins alike."""
        self.process(1, "0::/init.scope\n")
        self.process(100, f"0::/docker/{TWO}\n")
        self.process(101, f"0::/docker/{ONE}0\n")
        self.process(102, f"0::/docker/{ONE[:12]}\n")
        self.assertEqual(self.of(ONE), {})

    def test_several(self) -> None:
        """One pass finds the processes of all that are asked for."""
        self.process(100, f"0::/docker/{ONE}\n")
        self.process(101, f"0::/docker/{TWO}\n")
        self.assertEqual(self.of(ONE, TWO), {ONE: [100], TWO: [101]})

    def test_container_in_container(self) -> None:
        """A process of an Engine inside a container belongs to that container too."""
        self.process(100, f"0::/docker/{ONE}/docker/{TWO}\n")
        self.assertEqual(self.of(ONE), {ONE: [100]})

    def test_dead(self) -> None:
        """A zombie runs no more; one whose first thread alone has ended does."""
        self.process(100, CGROUPS["2"], state="Z")
        self.process(101, CGROUPS["2"], state="Z", threads=3)
        self.assertEqual(self.of(ONE), {ONE: [101]})

    def test_gone_meanwhile(self) -> None:
        """A process that ends while it is read is not there."""
        (self.root / "100").mkdir()
        self.process(101, CGROUPS["2"])
        (self.root / "101" / "stat").unlink()
        self.assertEqual(self.of(ONE), {})


class FirstTests(ProcCase):
    """``first_of``: who gets TERM."""

    def first(self) -> list[int]:
        return sorted(self.processes.first_of(self.of(ONE)[ONE]))

    def test_init(self) -> None:
        """The init of the container's PID namespace gets it, and not what it or ``exec`` started."""
        self.process(100, CGROUPS["2"], parent=50, numbers="100 1")
        self.process(101, CGROUPS["2"], parent=100, numbers="101 7")
        self.process(102, CGROUPS["2"], parent=50, numbers="102 9")
        self.assertEqual(self.first(), [100])

    def test_init_inside(self) -> None:
        """An init further in is not the container's."""
        self.process(100, CGROUPS["2"], parent=50, numbers="100 1")
        self.process(101, CGROUPS["2"], parent=100, numbers="101 7 1")
        self.assertEqual(self.first(), [100])

    def test_agent_in_a_namespace(self) -> None:
        """An agent in a PID namespace of its own counts from there."""
        self.process(100, CGROUPS["2"], parent=50, numbers="100 33 1")
        self.process(101, CGROUPS["2"], parent=100, numbers="101 34 2")
        self.assertEqual(self.first(), [100])

    def test_hosts_namespace(self) -> None:
        """Where the container has the host's PID namespace, those get it whose parent is outside."""
        self.process(50, "0::/shim\n")
        self.process(100, CGROUPS["2"], parent=50)
        self.process(101, CGROUPS["2"], parent=100)
        self.assertEqual(self.first(), [100])


class SignalTests(ProcCase):
    """``signal``: Note [Nobody else is hit]."""

    def setUp(self) -> None:
        super().setUp()
        self.process(100, CGROUPS["2"])

    def signalled(self) -> bool:
        """Signal the process; afterwards no descriptor of it is open."""
        done = self.processes.signal(100, ONE, 15)
        for descriptor in self.opened:
            self.assertRaises(OSError, os.fstat, descriptor)
        return done

    def test_signalled(self) -> None:
        """A process of the container gets the signal through its pidfd."""
        self.assertTrue(self.signalled())
        self.assertEqual(self.sent, [(self.opened[0], 15)])

    def test_gone(self) -> None:
        """A pid that is nobody's gets none."""
        self.assertFalse(self.processes.signal(101, ONE, 15))

    def test_reused(self) -> None:
        """A pid that went to a stranger since it was found gets none."""
        self.at_open = lambda: self.process(100, "0::/user.slice\n")
        self.assertFalse(self.signalled())
        self.assertEqual(self.sent, [])

    def test_ends_just_now(self) -> None:
        """A process that ends before the signal is gone like any other."""
        self.send_error = ProcessLookupError()
        self.assertFalse(self.signalled())

    def test_not_permitted(self) -> None:
        """A process that this user may not signal raises; the caller has to report it."""
        self.send_error = PermissionError()
        self.assertRaises(PermissionError, self.signalled)
