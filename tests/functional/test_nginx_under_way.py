"""The requests that a real nginx has under way on endpoints to which no route leads any more."""

from __future__ import annotations

import threading
from functools import partial
from http.client import HTTPConnection, HTTPException
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from tests.rig.nginx_here import NginxTestCase, route, until


class Waiting(Resource):
    """Answers nobody before the test says so."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []

    def render(self, request: Any) -> int:
        self.requests.append(request)
        return NOT_DONE_YET

    def answer(self) -> None:
        requests, self.requests = self.requests, []
        for request in requests:
            request.finish()


class Counting(Resource):
    """Answers at once, and counts whom it answered after the test said that nobody comes any more."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self) -> None:
        super().__init__()
        self.closed = False
        self.late = 0

    def render(self, request: Any) -> bytes:
        self.late += self.closed
        return b"ok"


class Redirecting(Resource):
    """Asks the front door to go on to another location, in the way of applications behind an nginx of their own."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def render(self, request: Any) -> bytes:
        if request.path == b"/to":
            return b"another location"
        request.setHeader("X-Accel-Redirect", request.args[b"to"][0])
        return b"own answer"


class UnderWayTests(NginxTestCase):
    """``NginxDoor.busy``, by the counts of all workers."""

    async def test_fewest(self) -> None:
        """A request goes to the instance that has the fewest, wherever that stands among however many."""
        waiting = [Waiting() for _ in range(6)]
        places = [self.upstream(number, resource=one) for number, one in enumerate(waiting, 1)]
        nginx = await self.started(settings={"workers": 1})
        for count in range(1, 7):
            await self.published(nginx, route("web.example.com", *places[:count]))
            answers = [self.get_later("web.example.com") for _ in range(count)]
            await until(partial(self.all_have_one, waiting[:count]))
            for turn in range(count):  # nginx begins its search with another one each time
                waiting[2 * turn % count].answer()
                await until(lambda: any(answer.called for answer in answers))  # noqa: B023
                answers = [answer for answer in answers if not answer.called]
                answers.append(self.get_later("web.example.com"))
                await until(partial(self.all_have_one, waiting[:count]))
            for one in waiting:
                one.answer()
            await gatherResults(answers)

    def all_have_one(self, waiting: list[Waiting]) -> bool:
        counts = [len(one.requests) for one in waiting]
        if 2 in counts:
            raise AssertionError(f"some instances have more requests than others: {counts}")
        return all(counts)

    async def test_busy(self) -> None:
        """An endpoint is busy from when no route leads to it until its last request has its answer."""
        slow, quick = Waiting(), self.upstream(2)
        place = self.upstream(1, resource=slow)
        endpoint = f"{place.address}:{place.port}"
        nginx = await self.started(route("web.example.com", place))
        answers = [self.get_later("web.example.com") for _ in range(3)]
        await until(lambda: len(slow.requests) == 3)
        self.assertEqual(await nginx.door.busy(), set())
        await self.published(nginx, route("web.example.com", quick))
        self.assertEqual((await nginx.door.busy(), nginx.door.reached), ({endpoint}, None))
        slow.answer()
        self.assertEqual([answer.code for answer in await gatherResults(answers)], [200] * 3)
        await until(lambda: self.is_quiet(nginx))

    async def test_client_gives_up(self) -> None:
        """A request whose client hung up is not under way any more."""
        slow = Waiting()
        nginx = await self.started(route("web.example.com", self.upstream(1, resource=slow)))
        waiting = self.get_later("web.example.com")
        await until(lambda: slow.requests)
        await self.published(nginx, route("web.example.com", self.upstream(2)))
        waiting.cancel()
        await waiting.addErrback(lambda failure: None)
        await until(lambda: self.is_quiet(nginx))

    async def test_no_other_location(self) -> None:
        """An answer that names another location of nginx is passed on as it is, and its request is over then."""
        nginx = await self.started(route("web.example.com", self.upstream(1, resource=Redirecting())))
        for place in ("/to", "@again", "@buffered", "/-refused-by-the-front-door-"):
            answer = await self.get("web.example.com", f"/?to={place}")
            self.assertEqual((answer.code, answer.text), (200, "own answer"), place)
        await self.published(nginx, route("web.example.com", self.upstream(2)))
        await until(lambda: self.is_quiet(nginx))

    async def test_none_comes_later(self) -> None:
        """Once a route is out of force and nothing is under way, no request comes to its endpoint."""
        over = threading.Event()
        leaving = [Counting() for _ in range(30)]
        stays = self.upstream(99)
        places = [self.upstream(number, resource=one) for number, one in enumerate(leaving, 1)]
        nginx = await self.started(route("web.example.com", stays, *places))
        clients = [deferToThread(self.ask_until, over) for _ in range(6)]
        for number, one in enumerate(leaving):
            await self.published(nginx, route("web.example.com", stays, *places[number + 1 :]))
            await until(lambda: self.is_quiet(nginx))
            one.closed = True
            await deferLater(reactor, 0.01)
        over.set()
        self.assertEqual(await gatherResults(clients), [0] * 6)
        self.assertEqual([one.late for one in leaving], [0] * 30)

    async def is_quiet(self, nginx: Any) -> bool:
        return not await nginx.door.busy()

    def get_later(self, host: str) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.get(host))

    def ask_until(self, over: threading.Event) -> int:
        """Ask on one connection until it is over; how often that failed."""
        failed = 0
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        while not over.is_set():
            try:
                connection.request("GET", "/", headers={"Host": "web.example.com"})
                answer = connection.getresponse()
                answer.read()
                failed += answer.status != 200
            except (OSError, HTTPException):
                failed += 1
                connection.close()
        connection.close()
        return failed
