"""The keys of a schema."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tools.compose_keys import keys

SCHEMA = {
    "properties": {"services": {"patternProperties": {"^[a-z]+$": {"$ref": "#/$defs/service"}}}},
    "$defs": {
        "service": {
            "properties": {
                "command": {"$ref": "#/$defs/command"},
                "ports": {"items": {"oneOf": [{"type": "string"}, {"properties": {"target": {}, "ports": {}}}]}},
            },
            "patternProperties": {"^x-": {"properties": {"no": {}}}},
        },
        "command": {"properties": {"no": {}}},
    },
}


class KeysTests(SynchronousTestCase):
    """A small schema."""

    def test_paths(self) -> None:
        """Names of a file's own, items of lists, and keys of each alternative have their marks."""
        own = ["command", "ports", "ports[].target", "ports[].ports"]
        self.assertEqual(["services", *(f"services.*.{key}" for key in own)], keys(SCHEMA))
