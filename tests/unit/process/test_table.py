"""Processes are found and distinguished on a ``/proc`` made of files."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.process.table import ProcessTable, Record

STAT = "{pid} ({name}) {state} 1 {group} {session} 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 {started} 1 2 3"


class FilesAsProc(SynchronousTestCase):
    """A directory that looks like /proc."""

    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        (self.root / "sys/kernel/random").mkdir(parents=True)
        self.boot("boot-1")
        self.table = ProcessTable(root=self.root)

    def boot(self, name: str) -> None:
        (self.root / "sys/kernel/random/boot_id").write_text(name + "\n")

    def process(
        self,
        pid: int,
        *,
        name: str = "nginx",
        state: str = "S",
        session: int = 0,
        started: int = 500,
        program: str = "/usr/sbin/nginx",
        argv: bytes = b"nginx\0-p\0/var/lib/x\0",
    ) -> None:
        place = self.root / str(pid)
        place.mkdir()
        session = session or pid
        (place / "stat").write_text(
            STAT.format(pid=pid, name=name, state=state, group=session, session=session, started=started)
        )
        (place / "cmdline").write_bytes(argv)
        (place / "exe").symlink_to(program)


class ProcessTableTests(FilesAsProc):
    """``ProcessTable``."""

    def test_identify(self) -> None:
        """A living process has a record, even with a name made to confuse."""
        self.process(7, name="a) Z 1 (b", started=900)
        self.assertEqual(self.table.identify(7), Record(pid=7, started=900, boot="boot-1"))

    def test_identify_nobody(self) -> None:
        """Neither an absent pid nor a zombie has one."""
        self.process(8, state="Z")
        self.assertIsNone(self.table.identify(7))
        self.assertIsNone(self.table.identify(8))

    def test_lives(self) -> None:
        """The same pid, start and boot with our words in its command line is our process."""
        self.process(7)
        record = Record(pid=7, started=500, boot="boot-1")
        self.assertTrue(self.table.lives(record, "/var/lib/x"))

    def test_strangers_do_not_live(self) -> None:
        """Another start, another boot or another command line is somebody else."""
        self.process(7)
        record = Record(pid=7, started=500, boot="boot-1")
        self.assertFalse(self.table.lives(evolve(record, started=499), "/var/lib/x"))
        self.assertFalse(self.table.lives(evolve(record, boot="boot-0"), "/var/lib/x"))
        self.assertFalse(self.table.lives(record, "/var/lib/y"))
        self.assertFalse(self.table.lives(evolve(record, pid=6), "/var/lib/x"))

    def test_orphans(self) -> None:
        """Of a dead leader's session, those are orphans who run the program, an upgraded one included."""
        self.process(21, session=20, started=501)
        self.process(22, session=20, started=502, program="/usr/sbin/nginx (deleted)")
        self.process(23, session=20, started=503, program="/usr/sbin/other")
        self.process(24, session=20, started=499)
        self.process(25, session=25)
        record = Record(pid=20, started=500, boot="boot-1")
        self.assertEqual(sorted(self.table.orphans(record, "/usr/sbin/nginx")), [21, 22])

    def test_orphans_of_a_zombie(self) -> None:
        """A leader that was killed and that nobody has waited for yet is dead; a stranger's zombie is none of it."""
        self.process(20, started=500, state="Z")
        self.process(21, session=20, started=501)
        self.assertEqual(self.table.orphans(Record(20, 500, "boot-1"), "/usr/sbin/nginx"), (21,))
        self.assertEqual(self.table.orphans(Record(20, 400, "boot-1"), "/usr/sbin/nginx"), ())

    def test_no_orphans_of_the_living_or_of_another_boot(self) -> None:
        """While somebody has the leader's pid, or after a reboot, nobody is an orphan."""
        self.process(21, session=20, started=501)
        self.assertEqual(self.table.orphans(Record(20, 500, "boot-0"), "/usr/sbin/nginx"), ())
        self.process(20)
        self.assertEqual(self.table.orphans(Record(20, 500, "boot-1"), "/usr/sbin/nginx"), ())

    def test_has_any(self) -> None:
        """Of the words of a command line, whole ones count."""
        self.process(7, argv=b"etcd\0--data-dir=/x\0--listen=http://127.0.0.1:50\0")
        self.assertTrue(self.table.has_any(7, ("--listen=http://10.0.0.1:50", "--listen=http://127.0.0.1:50")))
        self.assertFalse(self.table.has_any(7, ("--listen=http://127.0.0.1:5", "--data-dir")))
        self.assertFalse(self.table.has_any(8, ("etcd",)))

    def test_find(self) -> None:
        """A process of which there is no record is found as the leader of a session that runs our words, no others."""
        self.process(30, argv=b"nginx: master process /usr/sbin/nginx -c /var/lib/xy/nginx.conf -p /\0")
        self.process(31, argv=b"nginx\0-c\0/other/var/lib/x\0-p\0/\0")
        self.process(32, argv=b"vi\0/var/lib/x\0", program="/usr/bin/vi")
        self.process(33, argv=b"nginx\0-c\0/var/lib/x\0", session=34)
        self.process(34, argv=b"nginx\0-c\0/var/lib/x\0", state="Z")
        self.assertIsNone(self.table.find("/var/lib/x", "/usr/sbin/nginx"))
        self.process(35, argv=b"nginx: master process /usr/sbin/nginx -c /var/lib/x -p /var/lib/x/\0", started=600)
        self.assertEqual(self.table.find("/var/lib/x ", "/usr/sbin/nginx"), Record(35, 600, "boot-1"))
