"""The requests of a command line: written and read back, and refused in one line where an agent cannot know it."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.session import (
    ClientJoinAsked,
    ExecAsked,
    ForwardAsked,
    ImageAsked,
    JoinAsked,
    LogsAsked,
    OfferAsked,
    SessionAsked,
    SessionRequest,
    StockAsked,
    image_token_digest,
    token_digest,
)
from tests.build.images import DIFFS, IMAGE, NAME
from tests.build.values import instance

TOKEN = "5f" * 32
ASKED: tuple[SessionAsked, ...] = (
    JoinAsked("b", "10.0.0.2", "request"),
    ClientJoinAsked("b", "10.0.0.2", "request"),
    LogsAsked(instance(1)),
    LogsAsked(instance(2), follow=True, tail=0, since=1763817600.25, grep="löst \t"),
    ExecAsked(instance(1), ("sh", "-c", "", "a\nb")),
    ExecAsked(instance(1), ("sh",), terminal=True, input=True, rows=24, columns=80),
    ForwardAsked(instance(1), 5432),
    StockAsked(IMAGE, NAME, DIFFS),
    StockAsked(IMAGE, "", ()),
    ImageAsked(IMAGE, NAME, 0, 10_000_000_000, {"c": 0, "b": 3, "a": 1}),
    ImageAsked(IMAGE, "", 3, 0),
)


class RequestTests(SynchronousTestCase):
    def refused(self, **members: Any) -> str:
        data = json.dumps({"Token": TOKEN, **members}).encode()
        return str(self.assertRaises(BadInput, SessionRequest.decode, data))

    def test_read_back(self) -> None:
        """Each request is read as it was written."""
        for asked in ASKED:
            request = SessionRequest(TOKEN, asked)
            self.assertEqual(SessionRequest.decode(request.encode()), request)

    def test_offer(self) -> None:
        """A node that asks for an image needs no token; whatever else is asked for does."""
        for reference in (NAME, IMAGE):
            request = SessionRequest("", OfferAsked(reference))
            self.assertNotIn(b"Token", request.encode())
            self.assertEqual(SessionRequest.decode(request.encode()), request)
        self.assertIn("a name with a tag, or an id", self.refused(Offer={"Reference": "shop/web"}))
        self.assertIn("Reference is missing", self.refused(Offer={}))
        logs = json.dumps({"Logs": {"Instance": "1.web.myapp"}}).encode()
        self.assertIn("Token is missing", str(self.assertRaises(BadInput, SessionRequest.decode, logs)))
        empty = SessionRequest("", LogsAsked(instance(1))).encode()
        self.assertIn("64 hex digits", str(self.assertRaises(BadInput, SessionRequest.decode, empty)))

    def test_client_beside_older(self) -> None:
        """A host that would be a client says nothing that an older agent takes for the wish to have a member."""
        said = json.loads(SessionRequest(TOKEN, ClientJoinAsked("b", "10.0.0.2", "request")).encode())
        self.assertEqual(said.keys(), {"Token", "JoinAsClient"})

    def test_unknown_members(self) -> None:
        """A newer command line may say more."""
        data = json.dumps({"Token": TOKEN, "More": 1, "Logs": {"Instance": "1.web.myapp", "Colour": "red"}}).encode()
        self.assertEqual(SessionRequest.decode(data).asked, LogsAsked(instance(1)))

    def test_refused(self) -> None:
        """A member that is missing or cannot be is named."""
        logs = {"Instance": "1.web.myapp"}
        self.assertIn("does not know what is asked", self.refused())
        self.assertIn("does not know what is asked", self.refused(Dance={}))
        self.assertIn("does not know what is asked", self.refused(Logs=logs, Forward={**logs, "Port": 1}))
        self.assertIn("Instance is missing", self.refused(Logs={}))
        self.assertIn("Command is missing", self.refused(Exec=logs))
        self.assertIn("command is missing", self.refused(Exec={**logs, "Command": []}))
        self.assertIn("Port", self.refused(Forward={**logs, "Port": 0}))
        self.assertIn("64 hex digits", self.refused(Token="short", Logs=logs))
        self.assertRaises(BadInput, SessionRequest.decode, b"not JSON")

    def test_order(self) -> None:
        """Nodes that are handed an image keep their order."""
        found = SessionRequest.decode(SessionRequest(TOKEN, ASKED[-2]).encode()).asked
        assert isinstance(found, ImageAsked)
        self.assertEqual([*found.then], ["c", "b", "a"])

    def test_images(self) -> None:
        """An image has a whole id, and a name with a tag or none."""
        image = {"Image": IMAGE, "Reference": NAME, "Held": 0, "Size": 1}
        self.assertIn("no id of an image", self.refused(Image={**image, "Image": "web:1"}))
        for name in ("web", IMAGE):
            self.assertIn("Reference", self.refused(Image={**image, "Reference": name}))
        self.assertIn("name and tag", self.refused(Image={**image, "Reference": "WEB:1"}))
        self.assertIn("Size is missing", self.refused(Image={"Image": IMAGE, "Reference": NAME, "Held": 0}))

    def test_image_tokens(self) -> None:
        """With the token for an image a node takes no other one, no other name, and no other node takes it."""
        asked = ImageAsked(IMAGE, NAME, 0, 10, {"b": 1})
        found = image_token_digest(TOKEN, "a", asked)
        self.assertEqual(found, image_token_digest(TOKEN, "a", ImageAsked(IMAGE, NAME, 2, 5)))
        others = {
            token_digest(TOKEN),
            image_token_digest(TOKEN, "b", asked),
            image_token_digest(TOKEN, "a", ImageAsked(DIFFS[0], NAME, 0, 10)),
            image_token_digest(TOKEN, "a", ImageAsked(IMAGE, "shop/web:2", 0, 10)),
            image_token_digest("5e" * 32, "a", asked),
        }
        self.assertEqual((len(others), found in others), (5, False))

    def test_digest(self) -> None:
        """etcd has another text than the token, and another one for each."""
        self.assertNotIn(TOKEN, token_digest(TOKEN))
        self.assertNotEqual(token_digest(TOKEN), token_digest("5e" * 32))
