"""The files of the proxy."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.proxy.files import ProxyFiles


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
        """What was installed and never seen to be served gives way to the last good text."""
        self.files.prepare()
        self.take_up("good")
        self.files.keep()
        self.take_up("bad")
        self.files.put_back()
        self.assertEqual(self.files.configuration.read_text(), "good")

    def test_next_agent(self) -> None:
        """The next agent starts on the last good text, whatever a crash left in its place."""
        self.files.prepare()
        self.take_up("good")
        self.files.keep()
        self.files.configuration.write_text("half a fi")
        self.assertTrue(ProxyFiles(self.files.directory).prepare())
        self.assertEqual(self.files.configuration.read_text(), "good")

    def test_never_kept(self) -> None:
        """Without a last good text what is installed stays."""
        self.files.prepare()
        self.take_up("perhaps")
        self.assertTrue(self.files.prepare())
        self.assertEqual(self.files.configuration.read_text(), "perhaps")

    def test_kept_twice(self) -> None:
        """A text that is the last good one already is not written again."""
        self.files.prepare()
        self.take_up("good")
        self.files.keep()
        before = self.files.last_good.stat().st_ino
        self.files.keep()
        self.assertEqual(self.files.last_good.stat().st_ino, before)

    def test_socket(self) -> None:
        """The socket of a killed nginx is removed; none is no error."""
        self.files.prepare()
        self.files.socket.write_text("")
        self.files.clear_socket()
        self.files.clear_socket()
        self.assertFalse(self.files.socket.exists())

    def test_output(self) -> None:
        """What nginx wrote since a moment is told, also when the file was cut short meanwhile."""
        self.files.prepare()
        self.assertEqual((self.files.output_size(), self.files.output_since(0)), (0, ""))
        self.files.output.write_text("old\n")
        size = self.files.output_size()
        self.files.output.write_text("old\nnew \ufffd\n")
        self.assertEqual(self.files.output_since(size), "new \ufffd\n")
        self.files.output.write_text("n")
        self.assertEqual(self.files.output_since(size), "n")

    def test_output_is_bounded(self) -> None:
        """No more than a bounded part of the output is read."""
        self.files.prepare()
        self.files.output.write_text("x" * 1_000_000)
        self.assertEqual(len(self.files.output_since(0)), 65536)
