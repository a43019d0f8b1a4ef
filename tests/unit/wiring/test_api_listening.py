"""The HTTP listener of an agent, with what it serves."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.wiring.api_listening import api_listener, served
from daprdockr.wiring.parts import Parts
from tests.fakes.agents import MemoryCluster


class Taken:
    """A reactor on a machine where another program has each port."""

    def listenTCP(self, port: int, factory: object, interface: str) -> None:  # noqa: N802 - Twisted's name
        raise CannotListenError(interface, port, OSError(98, "Address already in use"))


class ListenerTests(SynchronousTestCase):
    """The HTTP listener of an agent."""

    def parts(self, **changed: Any) -> Parts:
        return MemoryCluster(self).make("a", **changed).parts

    def test_off(self) -> None:
        """Where the API is off nothing listens."""
        self.assertIsNone(api_listener(self.parts()))

    def test_served(self) -> None:
        """It has the state of the agent, the metrics, and each document below ``api``."""
        tree = served(self.parts())
        self.assertLessEqual({b"healthz", b"metrics", b"api"}, set(tree.children))
        self.assertLessEqual(
            {b"status", b"nodes", b"services", b"instances", b"events"}, set(tree.children[b"api"].children)
        )

    def test_listens(self) -> None:
        """It listens at the address of the settings and at no other one."""
        found = api_listener(self.parts(api=("127.0.0.1", 5080)))
        assert found is not None
        self.assertEqual((found.args[0], found.kwargs["interface"]), (5080, "127.0.0.1"))

    def test_taken(self) -> None:
        """If another program has the port, the line names the option."""
        found = api_listener(self.parts(api=("127.0.0.1", 5080)))
        assert found is not None
        found.reactor = Taken()
        line = str(self.assertRaises(BadInput, found.privilegedStartService))
        self.assertIn("--api 127.0.0.1:5080 cannot be listened at", line)
        self.assertIn("Address already in use): free it or name another", line)
