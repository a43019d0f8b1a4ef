"""The agent's answers to the commands of its machine: as etcd would answer, or none."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn

from attrs import evolve
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock

from daprdockr.arguments.local_reads import SOCKET
from daprdockr.model.errors import EtcdReadOnly, EtcdRefused, NotFound
from daprdockr.model.stored.certificate import CertificateFacts, CertificateRecord
from daprdockr.model.stored.doubts import DoubtRecord
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.renewal import RenewalRecord
from daprdockr.wiring.answering import Answers, ReadSocket
from tests.build.values import KEYS, definition
from tests.build.whole import WholeCase
from tests.fakes.command_line import command_line
from tests.fakes.log_lines import LogLines


class AnswersTests(WholeCase):
    def setUp(self) -> None:
        super().setUp()
        self.cluster.define(definition(instances=2))
        self.cluster.advance(3)
        self.answers = Answers(self.agent.parts)
        self.cluster.store.close = lambda: None  # type: ignore[method-assign]  # command lines are lent it

    def fields(self, **changed: str) -> Mapping[str, str]:
        settings = self.agent.settings
        own = {"prefix": settings.prefix, "etcd": f"elsewhere:1,{settings.etcd.endpoints[0]}", "service": ""}
        return {**own, "form": "json", **changed}

    def answer(self, ask: Callable[[Mapping[str, str]], Awaitable[Any]], **changed: str) -> Any:
        asked: Any = ask(self.fields(**changed))
        return self.successResultOf(Deferred.fromCoroutine(asked))

    def refusal(self, ask: Callable[[Mapping[str, str]], Awaitable[Any]], **changed: str) -> None:
        asked: Any = ask(self.fields(**changed))
        self.failureResultOf(Deferred.fromCoroutine(asked), NotFound)

    def away(self) -> None:
        self.cluster.store.unavailable = True
        self.refusal(self.answers.nodes)  # it is not known to be away yet
        self.cluster.advance(8)

    def test_containers(self) -> None:
        """A host that leaves learns which containers run here."""
        found = self.answer(self.answers.containers)
        self.assertEqual(found["Containers"], ["1.web.myapp", "2.web.myapp"])
        self.agent.parts.found.local.host.listed = False
        self.assertIsNone(self.answer(self.answers.containers)["Containers"])

    def test_as_etcd(self) -> None:
        """Rows and documents are those that the commands print when they ask etcd, and so are the cells."""
        record = CertificateRecord("s", "k", CertificateFacts(("ended.test",), 0, 2.0))
        self.cluster.store.put(KEYS.certificate("ended.test"), record.encode())
        self.cluster.store.put(KEYS.renewal("web.test"), RenewalRecord(error="no address").encode())
        self.cluster.define(definition(instances=2, Http={"HostName": "web.test", "ContainerPort": 8080}))
        self.cluster.advance(1)
        told = {"ended.test": "has ended", "web.test": "cannot be had: no address"}
        self.assertEqual(self.answer(self.answers.status)["Document"]["Certificates"], told)
        for ask, word, member in (
            (self.answers.ps, "ps", "Rows"),
            (self.answers.services, "services", "Rows"),
            (self.answers.nodes, "nodes", "Rows"),
            (self.answers.status, "status", "Document"),
        ):
            found = self.answer(ask)
            self.assertEqual(found[member], command_line(self.cluster.store, word, "-o", "json").json)
            self.assertEqual((found["Node"], found["InTouch"]), ("a", True))
            found = self.answer(ask, form="table")
            header = command_line(self.cluster.store, word).stdout.splitlines()
            self.assertIn(found["Header"][0], " ".join(header))
            self.assertEqual(len(found["Cells"]), {"ps": 2, "services": 1, "nodes": 1, "status": 1}[word])

    def test_one_service(self) -> None:
        """Of one service its rows alone are shown; etcd is asked about one that this agent knows nothing of."""
        for ask in (self.answers.ps, self.answers.services, self.answers.status):
            self.assertTrue(self.answer(ask, service="web.myapp", form="table")["Cells"])
            self.refusal(ask, service="db.myapp")
            self.refusal(ask, service="no service")

    def test_why(self) -> None:
        """The answer about a service, or an instance of it, is that of the command; none about what is not there."""
        for number, name in (("0", "web.myapp"), ("2", "2.web.myapp")):
            found = self.answer(self.answers.why, service="web.myapp", number=number)
            self.assertEqual(found["Document"], command_line(self.cluster.store, "why", name, "-o", "json").json)
            found = self.answer(self.answers.why, service="web.myapp", number=number, form="table")
            self.assertEqual(found["Lines"], command_line(self.cluster.store, "why", name).stdout.splitlines())
        for changed in ({"service": "db.myapp"}, {}, {"service": "web.myapp", "number": "3"}, {"number": "x"}):
            self.refusal(self.answers.why, **changed)
        self.refusal(self.answers.why, service="web.myapp", number="x")

    def test_events(self) -> None:
        """They are those in etcd, with the last lines of containers; without etcd there is no answer."""
        event = Event(1e9, "b", "1.web.myapp", "it ended", ("last words",))
        self.cluster.store.put(KEYS.event("b", event.number), event.encode(), self.cluster.store.grant(60).id)
        expected = command_line(self.cluster.store, "events", "-o", "json").json
        self.assertEqual((self.answer(self.answers.events)["Rows"], len(expected)), (expected, 1))
        since = ["-since", "2002-01-01T00:00:00Z"]
        command_line(self.cluster.store, "scale", "web.myapp=3")
        expected = command_line(self.cluster.store, "events", *since, "-o", "json").json
        self.assertIn("Instances 2 -> 3", expected[-1]["Text"])
        for fields in ({}, {"service": "web.myapp"}):
            rows = self.answer(self.answers.events, since="1.0", **fields)["Rows"]
            self.assertEqual(rows[-1:], expected)
        self.refusal(self.answers.events, since="x")
        self.assertIn("  last words", self.answer(self.answers.events, form="table")["Lines"])
        self.away()
        self.refusal(self.answers.events)

    def test_history(self) -> None:
        """Revisions are those of the command, which has more to say of a service that is deleted, or was changed."""
        name, store = "web.myapp", self.cluster.store
        self.refusal(self.answers.history)
        self.refusal(self.answers.history, service="db.myapp")
        for words in (("-svc", name, "-set", "-instances", "3"), ("-svc", name, "-set", "-instances", "1")):
            self.assertEqual(command_line(store, *words).status, 0)
        expected = command_line(store, "history", name, "-o", "json").json
        self.assertEqual(self.answer(self.answers.history, service=name)["Rows"], expected)
        self.cluster.define(definition(instances=2))
        self.refusal(self.answers.history, service=name)
        store.put(KEYS.service(definition().name), b"no definition")
        self.refusal(self.answers.history, service=name)
        self.assertEqual(command_line(store, "-svc", name, "-del").status, 0)
        self.refusal(self.answers.history, service=name)

    def test_names(self) -> None:
        """They are those of the command."""
        found = self.answer(self.answers.names)
        expected = command_line(self.cluster.store, "names", "instances", "nodes").stdout.split()
        self.assertEqual(found["instances"] + found["nodes"], expected)
        self.assertEqual((len(expected), found["services"]), (3, ["web.myapp"]))

    def test_another_etcd(self) -> None:
        """An agent of another cluster does not answer."""
        for ask in (self.answers.ps, self.answers.nodes, self.answers.status):
            self.refusal(ask, prefix="/other")
            self.refusal(ask, etcd="elsewhere:1")

    def test_reports(self) -> None:
        """Nodes that doubt etcd, and a write that it refuses to all, are in the answer; no agent mirrors them."""
        record = DoubtRecord(1, "its revisions went back")
        self.cluster.store.put(KEYS.doubts + "b", record.encode(), self.cluster.store.grant(60).id)
        self.assertEqual(self.answer(self.answers.nodes)["Doubts"], {"b": "its revisions went back"})
        self.assertEqual(self.answer(self.answers.status)["Mute"], ["node b is frozen"])
        errors: list[EtcdRefused] = [EtcdRefused("this user may not write"), EtcdReadOnly("etcd has no room left")]

        def refuse(*_: object) -> NoReturn:
            raise errors.pop()

        self.cluster.store.commit = refuse  # type: ignore[method-assign, assignment]
        refused = [self.answer(self.answers.status)["Document"]["Refused"] for _ in range(2)]
        self.assertEqual(refused, ["etcd has no room left", ""])

    def test_away(self) -> None:
        """While etcd is away the last known state is the answer, which says so; status says why, too."""
        self.assertEqual(self.answer(self.answers.status)["Trouble"], "")
        self.away()
        self.assertIn("etcd did not answer", self.answer(self.answers.status)["Trouble"])
        self.assertEqual(self.answer(self.answers.why, service="web.myapp")["Document"]["Well"], True)
        for ask in (self.answers.ps, self.answers.nodes, self.answers.status):
            self.assertFalse(self.answer(ask)["InTouch"])
        self.assertEqual(len(self.answer(self.answers.ps)["Rows"]), 2)


class SocketTests(WholeCase):
    """The unix socket, as the reactor is asked for it."""

    def socket(self, reactor: Any, **changed: Any) -> ReadSocket:
        parts = self.agent.parts
        base = evolve(parts.base, outside=evolve(parts.base.outside, reactor=reactor))
        return ReadSocket(evolve(parts, base=base))

    def test_listens(self) -> None:
        """It lies in the state directory, closed to other users, in the place of one that a killed agent left."""
        reactor: Any = MemoryReactorClock()
        path = self.agent.settings.state_dir / SOCKET
        path.write_text("left")
        service = self.socket(reactor)
        service.startService()
        ((at, _, _, mode, _),) = [(*one, None)[:5] for one in reactor.unixServers]
        self.assertEqual((at, mode, path.exists()), (str(path), 0o600, False))
        service.stopService()

    def test_removed(self) -> None:
        """The socket may be gone when the agent stops, with the whole state directory: that is no failure."""

        class Removed(MemoryReactorClock):
            def listenUNIX(self, *given: Any, **named: Any) -> Any:  # noqa: N802  Twisted's name
                return self

            def stopListening(self) -> Deferred[None]:  # noqa: N802  Twisted's name
                return fail(FileNotFoundError(errno.ENOENT, "No such file or directory"))

        service = self.socket(Removed())
        service.startService()
        self.successResultOf(service.stopService())

    def test_not_possible(self) -> None:
        """An agent whose state directory has too long a path for a socket says so and does all the rest."""

        class Refusing(MemoryReactorClock):
            def listenUNIX(self, address: Any, *others: Any, **named: Any) -> Any:  # noqa: N802  Twisted's name
                raise CannotListenError(None, address, OSError("AF_UNIX path too long"))

        lines = LogLines(self)
        service = self.socket(Refusing())
        service.startService()
        self.assertEqual(len(lines("commands on this machine ask etcd")), 1)
        self.successResultOf(service.stopService())
