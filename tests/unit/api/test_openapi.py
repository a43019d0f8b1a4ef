"""The description of the JSON API is valid, and holds for what an agent in memory answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import getChildForRequest
from twisted.web.test.requesthelper import DummyRequest

from daprdockr.api.admission import Refused
from daprdockr.api.openapi import description
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.pause import PauseRecord
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.wanted.definition import Definition
from daprdockr.wiring.api_listening import served
from tests.build.values import HTTP, KEYS, definition, named
from tests.build.whole import WholeCase


class Asked(DummyRequest):
    """A request that came by loopback."""

    def getHost(self) -> IPv4Address:  # noqa: N802  Twisted's name
        return IPv4Address("TCP", "127.0.0.1", 5080)


def described() -> dict[str, Any]:
    found = description()
    assert isinstance(found, dict)
    return found


def objects(schema: object) -> Iterator[Mapping[str, Any]]:
    """Yield every schema of an object, at any depth, but not that of the description itself."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for part in schema.values():
            yield from objects(part)


class DescriptionTests(SynchronousTestCase):
    def test_valid(self) -> None:
        """It is a description by OpenAPI 3.1."""
        validate(described())

    def test_complete(self) -> None:
        """Each object names all of its members, so that one more in an answer does not go unnoticed."""
        schemas = described()["components"]["schemas"]
        found = list(objects(schemas))
        self.assertEqual(len(found), len(schemas))
        self.assertEqual([True], list({one["additionalProperties"] is False for one in found}))

    def test_schemes(self) -> None:
        """It names the schemes that a refusal asks for, in their order, and each alone is enough."""
        request: Any = Asked([b""])
        Refused(401, "").render(request)
        asked = request.responseHeaders.getRawHeaders(b"www-authenticate") or []
        schemes = described()["components"]["securitySchemes"]
        self.assertEqual(
            [one["scheme"] for one in schemes.values()], [one.decode().split()[0].lower() for one in asked]
        )
        self.assertEqual(described()["security"], [{}, *({name: []} for name in schemes)])


class AnswerTests(WholeCase):
    """Of an agent that has one of everything to show."""

    def setUp(self) -> None:
        super().setUp()
        self.root = served(self.agent.parts)

    def answer(self, path: str) -> Any:
        request = Asked([part.encode() for part in path.strip("/").split("/")])
        result = getChildForRequest(self.root, request).render(request)
        self.assertIn(request.responseCode, (None, 200), path)
        text = b"".join(request.written) + (result if isinstance(result, bytes) else b"")
        self.assertEqual(request.responseHeaders.getRawHeaders(b"content-type"), [b"application/json"])
        return json.loads(text)

    def happen(self) -> None:
        """Let there be a rollout that failed, a pause, a job, a name of two services, a value that is bad, events."""
        store, wanted = self.cluster.store, definition(instances=2, Http=HTTP)
        self.cluster.define(wanted)
        job = {"Name": "nightly", "Group": "myapp", "Container": {"Image": "web:1"}, "Schedule": {"Cron": "0 3 * * *"}}
        self.cluster.define(Definition.read(job))
        self.cluster.define(named("late", Http=HTTP))
        self.cluster.define(named("nowhere", Placement={"Constraints": ["zone == moon"]}))
        failed = RolloutRecord(RolloutState.PAUSED, "a", wanted.digest, "died", "a", "1.web.myapp", ("no such file",))
        store.put(KEYS.rollout(wanted.name), failed.encode())
        store.put(KEYS.pause(wanted.name), PauseRecord(time=5.0, by="anna").encode())
        store.put("/daprdockr/services/myapp/bad", b"{}")
        lease = store.grant(60).id
        store.put(KEYS.event("a", 1), Event(1.0, "a", "1.web.myapp", "died", ("no such file",)).encode(), lease)
        store.put(KEYS.event("a", 2), Event(2.0, "a", "a", "cordoned", by="anna").encode(), lease)
        self.cluster.advance(5)

    def test_answers(self) -> None:
        """Each answer is as it is described, before anything is defined, and with one of everything."""
        document = described()
        for _ in range(2):
            for path, item in document["paths"].items():
                (content,) = item["get"]["responses"]["200"]["content"].values()
                schema = {**content["schema"], "components": document["components"]}
                Draft202012Validator(schema).validate(self.answer(path))
            self.happen()
        self.assertTrue(self.answer("/api/status")["Broken"])
        shown = {row["Service"]: row for row in self.answer("/api/services")}
        self.assertEqual(shown["web.myapp"]["Rollout"]["State"], "paused")
        self.assertEqual(shown["web.myapp"]["Paused"]["By"], "anna")
        self.assertEqual(shown["late.myapp"]["Taken"], ["example.com/ belongs to web.myapp"])
        self.assertIn("example.com/ belongs to web.myapp", shown["late.myapp"]["Reason"])
        self.assertEqual(shown["nightly.myapp"]["Schedule"], "0 3 * * * UTC")
        self.assertTrue([row for row in self.answer("/api/instances") if row["Ports"]])
        self.assertLessEqual({"died", "cordoned"}, {row["Text"] for row in self.answer("/api/events")})

    def test_routes(self) -> None:
        """The description has each path that the agent serves below ``/api``, and no other."""
        tables = self.root.children[b"api"].children
        self.assertEqual({f"/api/{name.decode()}" for name in tables}, set(described()["paths"]))
