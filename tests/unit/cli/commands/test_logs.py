"""``logs``: which nodes are asked for what, and how lines are printed."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.claimed_places import ClaimedPlaces
from daprdockr.cli.commands.logs import logs
from daprdockr.cli.console import Console
from daprdockr.cli.log_streams import ATTEMPTS, LogStreams, Reading
from daprdockr.cli.log_text import as_json, as_text, harmless, is_coloured, moment_of
from daprdockr.cli.merging import MOST, LogLine, Merging
from daprdockr.cli.parse import read_request
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput, EtcdForbidden, NotFound
from daprdockr.model.frames import FrameKind
from daprdockr.model.names import InstanceName
from daprdockr.model.session import LogsAsked, SessionAsked
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.entries import Prefixes
from daprdockr.sessions.client import SessionBusy, SessionFailed
from tests.build.command_line import ShowCase
from tests.build.values import KEYS, WEB, definition, instance
from tests.fakes.command_line import command_line
from tests.fakes.store import MemoryStore, MemoryWatch

Frames = list[tuple[FrameKind, bytes]]
END: Frames = [(FrameKind.STATUS, b"0")]


def stamped(second: int, text: str) -> bytes:
    return f"2026-11-28T10:00:{second:02}.000000000Z {text}\n".encode()


class Scripted:
    """The sessions of nodes, as the test has them: frames, and a loss where no status ends them."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    def frames(self) -> Iterator[tuple[FrameKind, bytes]]:
        yield from self._frames
        raise SessionFailed("node a is lost: it ended the connection")

    def close(self) -> None:
        pass


class Unwatched(MemoryStore):
    """An etcd that permits no watch any more."""

    def watch(self, prefixes: Prefixes, revision: int) -> MemoryWatch:
        raise EtcdForbidden("etcd refuses user a (permission denied): grant its role the rights")


class Nodes:
    """The answers of each node, one list of frames for each time that it is asked."""

    def __init__(self, **answers: list[Frames]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, SessionAsked]] = []

    def open(self, node: str, asked: SessionAsked) -> Any:
        self.asked.append((node, asked))
        if not self.answers.get(node):
            raise SessionFailed(f"node {node} does not answer")
        return Scripted(self.answers[node].pop(0))


class OccupiedNode:
    """A node that sends one log at once; each has as many lines as the test wants."""

    def __init__(self, lines: int) -> None:
        self._lines = lines
        self._place = threading.Lock()
        self.asked: list[SessionAsked] = []

    def open(self, node: str, asked: SessionAsked) -> Any:
        self.asked.append(asked)
        if not self._place.acquire(blocking=False):
            raise SessionBusy(f"node {node} has 1 logs under way, the most it takes: try again later")
        session = Scripted([(FrameKind.OUTPUT, stamped(1, "one"))] * self._lines + END)
        session.close = self._place.release  # type: ignore[method-assign]
        return session


class CrowdedNode(OccupiedNode):
    """A node whose only place others have nearly always taken."""

    def open(self, node: str, asked: SessionAsked) -> Any:
        if (len(self.asked) + 1) % (ATTEMPTS // 2):
            self.asked.append(asked)
            raise SessionBusy(f"node {node} has 1 logs under way, the most it takes: try again later")
        return super().open(node, asked)


class RequestTests(SynchronousTestCase):
    def read(self, *words: str) -> Request:
        return read_request(words, {})

    def test_short(self) -> None:
        """``-f`` follows, and is a file with other commands."""
        self.assertTrue(self.read("logs", "-f", "web.myapp").follow)
        self.assertTrue(self.read("-etcd", "http://a:1", "logs", "web.myapp", "-f").follow)
        self.assertEqual(self.read("apply", "-f", "logs").files, ("logs",))

    def test_flags(self) -> None:
        """Lines are chosen by number, time and text."""
        request = self.read("logs", "1.web.myapp", "-tail", "5", "-since", "10m", "-grep", "a b")
        self.assertEqual((request.number, request.tail, request.since, request.grep), (1, 5, "10m", "a b"))
        for words in (("-tail", "x"), ("-since", "soon"), ("-grep", "a\nb")):
            self.assertRaises(BadInput, self.read, "logs", "web.myapp", *words)
        self.assertRaises(BadInput, self.read, "logs")

    def test_moments(self) -> None:
        """A time is an age, or a date; one without a zone is UTC."""
        self.assertEqual(moment_of("90s", 1000.0), 910.0)
        self.assertEqual(moment_of("1d2h3m4s", 100_000.0), 100_000.0 - 93_784)
        self.assertEqual(moment_of("1970-01-01T00:01:00Z", 0.0), 60.0)
        self.assertEqual(moment_of("1970-01-01T00:01:00", 0.0), 60.0)
        for text in ("", "h", "-1m", "yesterday", "1970-13-01"):
            self.assertRaises(BadInput, moment_of, text, 0.0)


class UnreadTests(ShowCase):
    def test_unread(self) -> None:
        """A command that follows ends when nobody reads it any more, though nothing is logged."""
        self.store.put(KEYS.service(WEB), definition().encode())
        request = Request("logs", service=WEB, follow=True)
        reader, writer = os.pipe()
        ended: list[BaseException] = []

        def follow(console: Console) -> None:
            try:
                logs(request, self.store, console)
            except BrokenPipeError as error:
                ended.append(error)

        with open(writer, "w", encoding="utf-8") as stdout:
            console = Console(io.BytesIO(), stdout, io.StringIO())
            following = threading.Thread(target=follow, args=(console,), daemon=True)
            following.start()
            following.join(0.1)
            self.assertTrue(following.is_alive())
            os.close(reader)
            following.join(10)
            self.assertFalse(following.is_alive())
        self.assertEqual(len(ended), 1)


class TextTests(SynchronousTestCase):
    LINES = (LogLine("t", "1.web.myapp", "a\x1b[31mb\x1b[2J"), LogLine("u", "2.web.myapp", "c\udcff", True))

    def test_plain(self) -> None:
        """Lines that do not go to a terminal stay as the program wrote them, octet by octet."""
        text = as_text(self.LINES, named=True, on_terminal=False, coloured=False)
        self.assertEqual(text, b"1.web.myapp | a\x1b[31mb\x1b[2J\n2.web.myapp | c\xff\n")

    def test_no_colour(self) -> None:
        """Names have colours on a terminal, unless NO_COLOR says something."""
        self.assertTrue(is_coloured(True, {}))
        self.assertTrue(is_coloured(True, {"NO_COLOR": ""}))
        self.assertFalse(is_coloured(True, {"NO_COLOR": "1"}))
        self.assertFalse(is_coloured(False, {}))

    def test_terminal(self) -> None:
        """On a terminal a program's colours stay, and end with its line; nothing else reaches the terminal."""
        self.assertEqual(harmless("a\x1b[31mb\x1b[2J\tc\x07"), "a\x1b[31mb\\x1b[2J\tc\\x07\x1b[0m")
        self.assertEqual(harmless("plain"), "plain")
        first, _ = as_text(self.LINES, named=True, on_terminal=True, coloured=True).splitlines()
        self.assertTrue(first.startswith(b"\x1b["))
        self.assertNotIn(b"\x1b[2J", first)

    def test_own_terminal(self) -> None:
        """A container with a terminal of its own ends its lines with a carriage return, which is no part of them."""
        lines = [LogLine("t", "1.web.myapp", "10 %\r20 %\r")]
        self.assertEqual(as_text(lines, named=False, on_terminal=True, coloured=False), b"10 %\\r20 %\n")
        self.assertEqual(as_text(lines, named=False, on_terminal=False, coloured=False), b"10 %\r20 %\r\n")

    def test_json(self) -> None:
        """Programs get an object for each line."""
        first, second = map(json.loads, as_json(self.LINES).splitlines())
        self.assertEqual((first["Instance"], first["Stream"], first["Time"]), ("1.web.myapp", "stdout", "t"))
        self.assertEqual((second["Stream"], second["Line"]), ("stderr", "c\ufffd"))


class PlacesTests(ShowCase):
    def places(self, number: int = 0, follow: bool = False) -> ClaimedPlaces:
        return ClaimedPlaces(Request("logs", service=WEB, number=number, follow=follow), self.store)

    def test_places(self) -> None:
        """The nodes that claim the instances are asked, and for one instance one node."""
        self.claim(1, ClaimRecord("a"))
        self.claim(2, ClaimRecord("b"))
        found = self.places()
        self.assertEqual(found.places(found.read()), {("a", instance(1)), ("b", instance(2))})
        found = self.places(number=2)
        self.assertEqual(found.places(found.read()), {("b", instance(2))})

    def test_nowhere(self) -> None:
        """A service that does not exist is an error; one that runs nowhere has no log, but may be followed."""
        found = self.places()
        self.assertRaises(NotFound, found.check, found.read())
        self.store.put(KEYS.service(WEB), definition().encode())
        refusal = self.assertRaises(NotFound, found.check, found.read())
        self.assertIn("daprdockrcmd why web.myapp", str(refusal))
        self.places(follow=True).check(found.read())

    def test_refused(self) -> None:
        """An etcd that refuses to show the claims is said in a line, and is no traceback of a thread."""
        found, said = ClaimedPlaces(Request("logs", service=WEB, follow=True), Unwatched()), list[str]()
        found.follow(found.read(), lambda cluster: None, said.append)
        self.assertEqual(1, len(said))
        self.assertIn("grant its role the rights; instances that come from now on are not followed", said[0])

    def test_older_agent(self) -> None:
        """A node whose agent takes no sessions is said in a line, and the status is that of a failure."""
        self.store.put(KEYS.service(WEB), definition().encode())
        self.claim(1, ClaimRecord("a"))
        self.store.put(KEYS.node("a"), b"{}", self.store.lease)
        done = command_line(self.store, "logs", "web.myapp")
        self.assertEqual((done.status, done.stdout), (1, ""))
        self.assertIn("1.web.myapp: node a takes no sessions", done.stderr)


class StreamsTests(SynchronousTestCase):
    def read(self, nodes: Any, *places: tuple[str, InstanceName]) -> tuple[list[tuple[str, str]], list[str]]:
        """The lines of these places, and the complaints."""
        complaints: list[str] = []
        merging = Merging(lambda: 0.0, is_bounded=True)
        self.streams = LogStreams(nodes, LogsAsked, merging, complaints.append, again=0.01)
        self.streams.want(set(places))
        merging.expect_no_more()
        return [(line.source, line.text) for batch in merging.batches() for line in batch], complaints

    def test_merged(self) -> None:
        """Lines of two nodes are merged by their times, wherever frames begin and end; errors are known as such."""
        first = stamped(1, "one") + stamped(3, "three")
        nodes = Nodes(
            a=[
                [
                    (FrameKind.OUTPUT, first[:50]),
                    (FrameKind.ERRORS, stamped(5, "five")),
                    (FrameKind.OUTPUT, first[50:]),
                    *END,
                ]
            ],
            b=[[(FrameKind.OUTPUT, stamped(2, "two") + stamped(4, "four")), *END]],
        )
        lines, complaints = self.read(nodes, ("a", instance(1)), ("b", instance(2)))
        self.assertEqual({text for _, text in lines}, {"one", "two", "three", "four", "five"})
        self.assertEqual(lines[:2], [("1.web.myapp", "one"), ("2.web.myapp", "two")])
        self.assertEqual(complaints, [])

    def test_lost(self) -> None:
        """The loss of one node is one line, and the others go on."""
        nodes = Nodes(a=[[(FrameKind.OUTPUT, stamped(1, "one"))]], b=[[(FrameKind.OUTPUT, stamped(2, "two")), *END]])
        lines, complaints = self.read(nodes, ("a", instance(1)), ("b", instance(2)), ("c", instance(3)))
        self.assertEqual([text for _, text in lines], ["one", "two"])
        self.assertEqual(len(complaints), 2)
        self.assertEqual(self.streams.failures, 2)

    def test_occupied(self) -> None:
        """Logs that a node refuses because it sends others are read when those have ended."""
        lines, complaints = self.read(OccupiedNode(2), *(("a", instance(number)) for number in range(1, 6)))
        self.assertEqual((len(lines), complaints), (10, []))

    def test_patience(self) -> None:
        """As long as others end, a log is asked for again more often than otherwise."""
        lines, complaints = self.read(CrowdedNode(1), *(("a", instance(number)) for number in range(1, 13)))
        self.assertEqual((len(lines), complaints), (12, []))

    def test_left_out(self) -> None:
        """Logs for which there is no place, because the end of others waits for their lines, are named."""
        node = OccupiedNode(MOST + 1)
        lines, complaints = self.read(node, *(("a", instance(number)) for number in range(1, 7)))
        self.assertGreater(len(lines), MOST)
        for said in complaints:
            self.assertIn("node a sends no more logs at once: ask for this one alone", said)
        self.assertEqual(len(complaints), 5)
        self.assertEqual(len(node.asked), 1 + 5 * ATTEMPTS)  # that one is left out gives the others no place

    def test_note(self) -> None:
        """A note of an agent is a line beside the output."""
        nodes = Nodes(a=[[(FrameKind.NOTE, b"cannot be read"), *END]])
        self.assertEqual(self.read(nodes, ("a", instance(1))), ([], ["1.web.myapp: cannot be read"]))

    def test_without_time(self) -> None:
        """Words of the Engine among the lines are said beside the output, and hide no later lines."""
        said = b"Error grabbing logs: EOF\n"
        nodes = Nodes(a=[[(FrameKind.OUTPUT, said + stamped(1, "one")), *END]])
        lines = [("1.web.myapp", "one")], ["1.web.myapp: Error grabbing logs: EOF"]
        self.assertEqual(lines, self.read(nodes, ("a", instance(1))))

    def test_again(self) -> None:
        """Lines that were read before a loss are not read twice."""
        merging = Merging(lambda: 0.0, is_bounded=True)
        source = merging.add("1.web.myapp")
        reading = Reading(merging, source, self.fail)
        first: Any = Scripted([(FrameKind.OUTPUT, stamped(1, "one") + stamped(2, "two")[:-2])])
        self.assertRaises(SessionFailed, reading.read, first)
        self.assertTrue(0 < 1795860001.0 - reading.since < 0.01, reading.since)
        again: Any = Scripted([(FrameKind.OUTPUT, stamped(1, "one") + stamped(2, "two")), *END])
        reading.read(again)
        merging.end(source)
        merging.expect_no_more()
        self.assertEqual([line.text for batch in merging.batches() for line in batch], ["one", "two"])
