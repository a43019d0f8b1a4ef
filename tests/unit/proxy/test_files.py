"""The files of the proxy."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.proxy.configuration import HttpListener, NginxSettings, render
from daprdockr.proxy.files import ProxyFiles


def text(port: int) -> str:
    """One of several configurations that an agent may have written."""
    return render(NginxSettings(directory="/d", listeners=(HttpListener("127.0.0.1", port),))).text


GOOD, BAD = text(80), text(81)


class ProxyFilesTests(SynchronousTestCase):
    """``ProxyFiles`` in a directory that does not exist yet."""

    def setUp(self) -> None:
        self.files = ProxyFiles(Path(self.mktemp()) / "nginx")

    def take_up(self, text: str) -> None:
        self.files.propose(text)
        self.files.install()

    def test_first_time(self) -> None:
        """The first time there is nothing to start on, in a directory that nobody else may enter."""
        self.assertFalse(self.files.prepare())
        self.assertEqual(self.files.directory.stat().st_mode & 0o777, 0o700)

    def test_proposed(self) -> None:
        """A candidate changes nothing until it is installed."""
        self.files.prepare()
        self.files.propose("new")
        self.assertFalse(self.files.configuration.exists())
        self.files.install()
        self.assertEqual(self.files.configuration.read_text(), "new")
        self.assertFalse(self.files.candidate.exists())

    def test_not_kept(self) -> None:
        """A text that was installed and never seen to be served gives way to the last good text."""
        self.files.prepare()
        self.take_up(GOOD)
        self.files.keep()
        self.take_up(BAD)
        self.files.put_back()
        self.assertEqual(self.files.configuration.read_text(), GOOD)

    def test_next_agent(self) -> None:
        """The next agent starts on the last good text, whatever a crash left in its place."""
        self.files.prepare()
        self.take_up(GOOD)
        self.files.keep()
        self.files.configuration.write_text("half a fi")
        self.assertTrue(ProxyFiles(self.files.directory).prepare())
        self.assertEqual(self.files.configuration.read_text(), GOOD)

    def test_never_kept(self) -> None:
        """Without a last good text what is installed stays."""
        self.files.prepare()
        self.take_up(BAD)
        self.assertTrue(self.files.prepare())
        self.assertEqual(self.files.configuration.read_text(), BAD)

    def test_keys(self) -> None:
        """The keys of a former configuration go, but not those that the present one has by another path."""
        self.files.prepare()
        memory = Path(self.mktemp()).absolute()
        (memory / "a.tls").mkdir(parents=True)
        link = Path(self.mktemp()).absolute()
        link.symlink_to(memory)
        for place, is_there in ((link, True), (memory, True), (memory.parent, False)):
            self.take_up(f'door_tls.seed("{place}/a.tls/certificates.json")')
            self.files.keep()
            self.assertEqual((memory / "a.tls").exists(), is_there)

    def test_kept_twice(self) -> None:
        """A text that is the last good one already is not written again."""
        self.files.prepare()
        self.take_up(GOOD)
        self.files.keep()
        before = self.files.last_good.stat().st_ino
        self.files.keep()
        self.assertEqual(self.files.last_good.stat().st_ino, before)

    def test_private(self) -> None:
        """Nobody else can read a configuration."""
        self.files.prepare()
        self.take_up(GOOD)
        self.files.keep()
        self.files.propose(BAD)
        self.files.keep_state(b"{}")
        self.assertEqual({path.stat().st_mode & 0o777 for path in self.files.directory.iterdir()}, {0o600})

    def test_garbage(self) -> None:
        """A file without a whole configuration is set aside, with one line, and not started on."""
        self.files.prepare()
        for content in (b"", GOOD[:-2].encode(), GOOD.replace("80", "81").encode(), b"\xff", b"events {}", bytes(1000)):
            for path in (self.files.last_good, self.files.configuration):
                path.write_bytes(content)
                with capturedLogs() as logged:
                    self.assertFalse(self.files.prepare(), content[:80])
                self.assertEqual([len(logged), path.exists()], [1, False])
                path.with_name(path.name + ".unreadable").unlink()

    def test_planted(self) -> None:
        """A link, a pipe or a directory in the place of any file is in nobody's way."""
        victim = Path(self.mktemp()).absolute()
        victim.write_text(BAD)
        self.files.prepare()
        self.take_up(GOOD)
        self.files.keep()
        names = ("candidate", "configuration", "last_good", "process", "output", "candidate")
        for path in [getattr(self.files, name) for name in names]:
            for plant in (lambda path: path.symlink_to(victim), os.mkfifo, Path.mkdir):
                path.unlink(missing_ok=True)
                plant(path)
                self.files.prepare()
                self.take_up(GOOD)
                self.files.keep()
                self.assertEqual([self.files.configuration.read_text(), self.files.last_good.read_text()], [GOOD, GOOD])
        self.assertEqual(victim.read_text(), BAD)

    def test_planted_socket(self) -> None:
        """A directory in the place of the socket is set aside."""
        self.files.prepare()
        self.files.socket.mkdir()
        self.files.clear_socket()
        self.assertFalse(self.files.socket.exists())

    def test_socket(self) -> None:
        """The socket of a killed nginx is removed; none is no error."""
        self.files.prepare()
        self.files.socket.write_text("")
        self.files.clear_socket()
        self.files.clear_socket()
        self.assertFalse(self.files.socket.exists())
