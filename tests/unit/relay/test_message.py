"""Messages to the relay: they read back, and nothing else is taken for one."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.relay.message import Destination, PortRoute, RelayState, decode_state, encode_state
from tests.build.strategies import ANYTHING

STATE = RelayState(
    ("10.0.0.1", "::1"),
    (
        PortRoute("tcp", 5432, "db.app", (Destination("10.0.0.2", 20_000, True), Destination("fd00::2", 1))),
        PortRoute("tcp", 1, "x.app", (), proxy_protocol=True),
        PortRoute("udp", 5432, "log.app", ()),
    ),
)


class MessageTests(SynchronousTestCase):
    def test_reads_back(self) -> None:
        """A message reads back, and what a newer agent adds to it is ignored."""
        self.assertEqual(decode_state(encode_state(STATE, 7)), (7, STATE))
        newer: dict[str, Any] = json.loads(encode_state(STATE, 7))
        newer["more"] = newer["routes"][0]["more"] = 1
        self.assertEqual(decode_state(json.dumps(newer).encode()), (7, STATE))

    def test_hostile(self) -> None:
        """Each value is checked: a message with a bad one is refused as a whole."""
        for place, bad in (
            (("version",), -1),
            (("addresses", 0), "host"),
            (("addresses", 0), "fe80::1%x"),
            (("routes", 0, "port"), 0),
            (("routes", 0, "port"), True),
            (("routes", 0, "protocol"), "sctp"),
            (("routes", 0, "destinations", 0, 0), "db.example"),
            (("routes", 0, "destinations", 0, 1), 65536),
            (("routes", 0, "destinations", 0), ["10.0.0.1"]),
            (("routes",), [None] * 20_000),
        ):
            message: Any = json.loads(encode_state(STATE, 7))
            within = message
            for key in place[:-1]:
                within = within[key]
            within[place[-1]] = bad
            self.assertRaises(ValueError, decode_state, json.dumps(message).encode())

    @given(st.one_of(ANYTHING, st.binary(max_size=60).map(lambda data: encode_state(STATE, 1)[: len(data)])))
    def test_anything(self, data: bytes) -> None:
        """Bytes that are no message raise ValueError."""
        self.assertRaises(ValueError, decode_state, data)
