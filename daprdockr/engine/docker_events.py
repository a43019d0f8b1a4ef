# -*- test-case-name: tests.unit.engine.test_documents,tests.unit.engine.test_docker_engine -*-
"""
The Docker Engine's event stream for the containers of one node.

Knows the filter, and how a stream is ended from another thread. Does not know what events are used for. They are hints
to poll, never the truth, because the Engine reports nothing that happened while nobody was subscribed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from typing import Any

from daprdockr.engine.clients import EngineClient
from daprdockr.engine.documents import documents
from daprdockr.engine.failures import FOREIGN, asking
from daprdockr.model.errors import EngineUnavailable
from daprdockr.model.host import LABEL_NODE

# Filtered by the Engine, because a health check by exec would otherwise send three events each time.
ACTIONS = (
    "create",
    "start",
    "die",
    "stop",
    "kill",
    "oom",
    "pause",
    "unpause",
    "rename",
    "restart",
    "destroy",
    "health_status",
)


class DockerEvents:
    """
    One subscription, made with this object; iterate for ``(action, container id)``.

    The action of a verdict of HEALTHCHECK is "health_status: healthy" or the like. The iteration ends when the Engine
    stops or ``close`` is called, and raises EngineUnavailable when the stream cannot be read.

    :param nodes: the values of the node label; the Engine's filter cannot take several of them.
    :param client: used for this stream alone, and closed with it.
    :param saw: called with each container id before its event is yielded.
    """

    def __init__(self, client: EngineClient, nodes: Collection[str], saw: Callable[[str], object]) -> None:
        self._client = client
        self._nodes = nodes
        self._saw = saw
        self._closed = False
        self._is_read = False
        filters: dict[str, Any] = {
            "type": ["container"],
            "label": [f"{LABEL_NODE}={node}" for node in nodes] if len(nodes) == 1 else [LABEL_NODE],
            "event": list(ACTIONS),
        }
        with asking("report its events"):
            self._stream = client.events(decode=False, filters=filters)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        self._is_read = True
        try:
            with asking("report its events"):
                for event in documents(self._stream):
                    actor = event["Actor"]  # since API 1.52 (Engine 29) nothing else has the id
                    if len(self._nodes) == 1 or actor["Attributes"].get(LABEL_NODE) in self._nodes:
                        self._saw(actor["ID"])
                        yield event["Action"], actor["ID"]
        except (AttributeError, KeyError, TypeError, ValueError, EngineUnavailable) as error:
            # Reading raises any of these when close() takes the socket away at the wrong moment.
            if not self._closed:
                raise EngineUnavailable(f"the Docker Engine's events cannot be read: {error}") from error
        finally:
            self._is_read = False
            self.close()

    def close(self) -> None:
        """End the iteration; may be called from any thread, any number of times."""
        self._closed = True
        with suppress(AttributeError, *FOREIGN):
            # AttributeError: docker-py looks for the socket of a response that has just ended by itself.
            self._stream.close()
        if not self._is_read:  # otherwise the reader notices now, and closes it
            self._client.end_streams()
        self._client.close()
