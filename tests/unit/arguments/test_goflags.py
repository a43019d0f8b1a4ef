"""Go's flags are read as Go reads them, and ``daprdockrd`` hands them on to ``twistd``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.arguments.goflags import Words, split
from daprdockr.daemon import twistd_words
from daprdockr.model.errors import BadInput


def read(*words: str) -> Words:
    return split(words, valued=["svc", "cmd"], boolean=["set", "v"])


class SplitTests(SynchronousTestCase):
    """The distinction of flags and other words."""

    def test_dashes_and_equals(self) -> None:
        """One dash or two, a value behind an equals sign or as the next word: all mean the same."""
        for words in (["-svc", "a"], ["--svc", "a"], ["-svc=a"], ["--svc=a"]):
            self.assertEqual(read(*words), Words((("svc", "a"),), ()))

    def test_value_of_any_form(self) -> None:
        """A value may be empty, start with a dash, or hold equals signs."""
        self.assertEqual(read("-cmd", "-v", "-svc=", "-cmd=a=b").flags, (("cmd", "-v"), ("svc", ""), ("cmd", "a=b")))

    def test_booleans(self) -> None:
        """A boolean is true alone, takes no next word, and reads Go's spellings of true and false."""
        self.assertEqual(read("-set", "x"), Words((("set", True),), ("x",)))
        for text, value in {"1": True, "t": True, "TRUE": True, "0": False, "F": False, "false": False}.items():
            self.assertEqual(read(f"-set={text}").flags, (("set", value),))

    def test_order_and_repetition(self) -> None:
        """Flags keep their order and number, also behind other words."""
        given = read("ps", "-svc", "a", "x", "-svc=b")
        self.assertEqual(given, Words((("svc", "a"), ("svc", "b")), ("ps", "x")))

    def test_end_of_flags(self) -> None:
        """Behind two dashes nothing is a flag, and one dash alone never is."""
        self.assertEqual(read("-", "--", "-svc", "--").others, ("-", "-svc", "--"))

    def test_refused(self) -> None:
        """An unknown flag, an abbreviation, three dashes, a missing value and half a boolean are named."""
        for words, part in {
            ("-nope",): "-nope",
            ("-sv", "a"): "did you mean -svc",
            ("---svc", "a"): "---svc",
            ("-svc",): "-svc needs a value",
            ("-set=maybe",): "'maybe'",
            ("-set=",): "-set",
        }.items():
            self.assertIn(part, str(self.assertRaises(BadInput, read, *words)))


class DaemonTests(SynchronousTestCase):
    """The command line that ``daprdockrd`` gives ``twistd``."""

    def test_foreground(self) -> None:
        """It stays in the foreground and writes no pid file."""
        self.assertEqual(twistd_words([]), ["-n", "--pidfile=", "daprdockr"])

    def test_single_dashes(self) -> None:
        """Go's forms become long options; repeated ones stay repeated and in order."""
        words = [
            "-etcd",
            "http://e:1",
            "-docker=tcp://d:2",
            "--dns",
            "a:1",
            "-dns=b:2",
            "-ephemeral",
            "-cpuprofile",
            "p",
        ]
        self.assertEqual(
            twistd_words(words)[3:],
            ["--etcd=http://e:1", "--docker=tcp://d:2", "--dns=a:1", "--dns=b:2", "--cpuprofile=p", "--ephemeral"],
        )

    def test_false(self) -> None:
        """A boolean that ends up false is not handed on."""
        self.assertEqual(twistd_words(["-ephemeral", "-ephemeral=false"])[3:], [])

    def test_help(self) -> None:
        """Help is asked for as in Go, and as of ``daprdockrcmd``."""
        for word in ("-h", "--h", "-help", "--help"):
            self.assertEqual(twistd_words([word])[3:], ["--help"])

    def test_stray_word(self) -> None:
        """An argument that is no flag is refused."""
        self.assertIn("'start'", str(self.assertRaises(BadInput, twistd_words, ["start"])))
