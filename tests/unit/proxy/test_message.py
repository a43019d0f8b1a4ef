"""The messages of the agent to the Lua in nginx."""

from __future__ import annotations

import json
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.pause import MAX_PAGE, PauseMode, PauseRecord
from daprdockr.model.wanted.http import Http
from daprdockr.proxy.message import MOST_PAGES, DoorState, changed_state, difference, door_state, whole
from daprdockr.proxy.routes import Route, Upstream
from daprdockr.proxy.routing import HttpEntry, HttpService, changed_routing, routing

WEB = ServiceName(group="shop", service="web")
API = ServiceName(group="shop", service="api")

KINDS = ("hosts", "services", "pages")


def place(number: int, service: ServiceName = WEB, address: str = "10.0.0.1", **more: Any) -> Upstream:
    return Upstream(InstanceName(service, number), address, 8000 + number, **more)


ROUTES = (
    Route("*.example.com", WEB, (place(1, local=True), place(2, address="2001:db8::2")), hold=5),
    Route("example.com", WEB, (place(1, local=True), place(2, address="2001:db8::2")), hold=5),
    Route("api.example.com", API, ()),
)


def taken_over(state: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    """The state of nginx after a message, as ``lua/door/routes.lua`` makes it."""
    if message.get("whole"):
        state = {kind: {} for kind in KINDS}
    return {
        kind: {name: value for name, value in (state[kind] | message.get(kind, {})).items() if value is not None}
        for kind in KINDS
    }


def as_sent(state: DoorState) -> dict[str, Any]:
    sent = json.loads(whole(state, 1))
    return {kind: sent.get(kind, {}) for kind in KINDS}


class MessageTests(SynchronousTestCase):
    """``door_state``, ``whole`` and ``difference``."""

    def test_whole(self) -> None:
        """Host names lead to services, services to endpoints."""
        self.assertEqual(
            json.loads(whole(door_state(ROUTES), 7)),
            {
                "version": 7,
                "whole": True,
                "hosts": {
                    "*.example.com": [{"path": "/", "service": "web.shop", "hold": 5}],
                    "example.com": [{"path": "/", "service": "web.shop", "hold": 5}],
                    "api.example.com": [{"path": "/", "service": "api.shop", "hold": 0.0}],
                },
                "services": {
                    "web.shop": [["10.0.0.1", 8001, True, "1.web.shop"], ["[2001:db8::2]", 8002, False, "2.web.shop"]],
                    "api.shop": [],
                },
            },
        )

    def test_paths(self) -> None:
        """The locations of a host name begin with the longest path; what is as usual is not said."""
        paths = ("/", "/api", "/api/v2")
        routes = [Route("a.com", WEB, (), path=path, strip_path=True, max_body=7) for path in paths]
        other = Route("a.com", WEB, (place(1),), path="/b", pool="web.shop:81", timeout=0.5, sticky="who", buffer=True)
        other = evolve(other, tls="require", hsts=60)
        self.assertEqual(
            as_sent(door_state([*routes, other])),
            {
                "hosts": {
                    "a.com": [
                        {"path": "/api/v2", "service": "web.shop", "hold": 0.0, "strip": True, "max_body": 7},
                        {"path": "/api", "service": "web.shop", "hold": 0.0, "strip": True, "max_body": 7},
                        {
                            "path": "/b",
                            "service": "web.shop:81",
                            "hold": 0.0,
                            "timeout": 0.5,
                            "tls": "require",
                            "hsts": 60,
                            "sticky": "who",
                            "buffer": 2**24,
                        },
                        {"path": "/", "service": "web.shop", "hold": 0.0, "max_body": 7},
                    ]
                },
                "services": {"web.shop": [], "web.shop:81": [["10.0.0.1", 8001, False, "1.web.shop"]]},
                "pages": {},
            },
        )

    def test_challenges(self) -> None:
        """The thumbprint for challenges is said when it is another one, and in each whole state that has one."""
        before, after = door_state(ROUTES), evolve(door_state(ROUTES), thumbprint="print")
        said = [json.loads(text).get("thumbprint") for text in (whole(before, 1), whole(after, 1))]
        said += [json.loads(difference(*pair, 2)).get("thumbprint") for pair in ((before, after), (after, after))]
        said.append(json.loads(difference(after, before, 2)).get("thumbprint"))
        self.assertEqual(said, [None, "print", "print", None, ""])

    def test_difference(self) -> None:
        """A difference says what is other, and what is gone, and where it begins."""
        before = door_state(ROUTES)
        after = door_state((evolve(ROUTES[0], upstreams=(place(3),)),))
        self.assertEqual(
            json.loads(difference(before, after, 8)),
            {
                "version": 8,
                "from": 7,
                "hosts": {"example.com": None, "api.example.com": None},
                "services": {"api.shop": None, "web.shop": [["10.0.0.1", 8003, False, "3.web.shop"]]},
            },
        )

    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=6), st.integers(0, 6))
    def test_difference_leads_there(self, drawn: list[tuple[int, int]], cut: int) -> None:
        """From any state of nginx, the difference leads to the state to which the whole leads."""
        services = [
            HttpService(
                ServiceName(group="g", service=f"s{n}"),
                (HttpEntry(Http((f"h{n}.com",), 80), tuple(map(place, range(1, many + 1)))),),
                n,
            )
            for n, many in dict(drawn).items()
        ]
        before, after = (door_state(routing(some).routes) for some in (services[:cut], services[1:]))
        self.assertEqual(taken_over(as_sent(before), json.loads(difference(before, after, 2))), as_sent(after))

    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from([None, *PauseMode])), max_size=6))
    def test_changed_state(self, drawn: list[tuple[int, int, PauseMode | None]]) -> None:
        """From the state before a change one gets to the same state as from all routes."""
        services: dict[int, HttpService] = {}
        known, state = routing(()), door_state(())
        for n, many, mode in drawn:
            upstreams = tuple(map(place, range(1, many + 1)))
            https = [Http((f"h{n}.com", "shared.com"), 80, path=f"/{n}"), Http((f"h{n}.com",), 80 + n)]
            name = ServiceName(group="g", service=f"s{n}")
            pause = PauseRecord(mode) if mode else None
            after = HttpService(name, tuple(HttpEntry(http, upstreams) for http in https), n, pause)
            changes = [(services.get(n), after)]
            services[n] = after
            before, known = known, changed_routing(known, changes, services.values())
            state = changed_state(state, before.routes, known.routes)
            self.assertEqual(state, door_state(known.routes))

    def test_changed_state_makes_no_text_of_others(self) -> None:
        """Routes that did not change are not read again: a change costs little, however many routes there are."""
        unusable = Route("not a name", API, ())
        moved = evolve(ROUTES[1], upstreams=(place(7),))
        state = changed_state(DoorState({}, {}), (unusable, ROUTES[1]), (unusable, moved))
        self.assertEqual(list(state.hosts), ["example.com"])
        with self.assertRaises(BadInput):
            changed_state(DoorState({}, {}), (ROUTES[1], unusable), (moved, evolve(unusable, path="/x")))

    def test_order(self) -> None:
        """Neither the order of the routes nor that of the instances matters."""
        turned = [evolve(route, upstreams=route.upstreams[::-1]) for route in reversed(ROUTES)]
        self.assertEqual(door_state(turned), door_state(ROUTES))

    def test_paused(self) -> None:
        """A paused service has no endpoints at any of its ports, and its requests wait half a minute."""
        entries = [
            HttpEntry(Http(("a.com",), port, path=path), (place(port),)) for port, path in ((80, "/"), (81, "/b"))
        ]
        service = HttpService(WEB, tuple(entries), 1)
        state = as_sent(door_state(routing([evolve(service, pause=PauseRecord())]).routes))
        more = {"hold": 30.0, "paused": True}
        locations = [{"path": "/b", "service": "web.shop:81", **more}, {"path": "/", "service": "web.shop", **more}]
        self.assertEqual(
            state, {"hosts": {"a.com": locations}, "services": {"web.shop": [], "web.shop:81": []}, "pages": {}}
        )

    def test_maintenance(self) -> None:
        """The page of a service is sent once, whatever it contains, and again only when it is another one."""
        page = '"};</p>\n\u20ac\U0001f600'
        pause = PauseRecord(PauseMode.MAINTENANCE, page)
        before, after = (
            door_state([evolve(route, pause=some) for route in ROUTES[:2]])
            for some in (pause, PauseRecord(PauseMode.MAINTENANCE))
        )
        sent = as_sent(before)
        self.assertEqual((sent["pages"], sent["services"]), ({"web.shop": page}, {"web.shop": []}))
        self.assertEqual({one["page"] for found in sent["hosts"].values() for one in found}, {"web.shop"})
        changes = json.loads(difference(before, after, 2))
        self.assertEqual((changes["hosts"], changes["pages"]), ({}, {"web.shop": ""}))
        self.assertEqual(json.loads(difference(after, door_state(ROUTES[:2]), 3))["pages"], {"web.shop": None})
        self.assertNotIn("pages", json.loads(difference(before, before, 2)))

    def test_pages_are_bounded(self) -> None:
        """Pages displace no route: those beyond the room for them are left out, and the usual one takes their place."""
        pause = PauseRecord(PauseMode.MAINTENANCE, "x" * MAX_PAGE)
        services = [ServiceName(group="g", service=f"s{number}") for number in range(100)]
        state = door_state([Route(f"{one}.com", one, (), pause=pause) for one in services])
        self.assertEqual(len(state.hosts), 100)
        self.assertLessEqual(sum(map(len, state.pages.values())), MOST_PAGES)
        self.assertEqual(len(state.pages), MOST_PAGES // (MAX_PAGE + 2))

    def test_refused(self) -> None:
        """A route that ``routing`` never gives is not sent."""
        for name in ["x; location /y { alias /etc/; }", "a b", "a\nb", "", "A.com", "{{ settings }}"]:
            with self.assertRaises(BadInput, msg=name):
                door_state([Route(name, WEB, ())])
        for path in ["", "api", "/a/", "/a/../b", "/a%2fb", "/\n", '/"?']:
            with self.assertRaises(BadInput, msg=path):
                door_state([Route("example.com", WEB, (), path=path)])
        for address, port in [("unix:/run/docker.sock", 80), ("fe80::1%;}", 80), ("10.0.0.1", "80;")]:
            upstream = Upstream(InstanceName(WEB, 1), address, port)  # type: ignore[arg-type] # hostile on purpose
            with self.assertRaises(BadInput, msg=address):
                door_state([Route("example.com", WEB, (upstream,))])
        with self.assertRaises(BadInput):
            door_state([Route("a.com", WEB, (place(1),)), Route("b.com", WEB, (place(2),))])
