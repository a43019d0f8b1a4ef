# -*- test-case-name: tests.functional.test_engine_contract -*-
"""
The end of what one run of a container logged.

Note [The end of a log]
    The Engine first takes the last lines of a log, and then leaves out those from before ``since`` and after ``until``;
    so a few more are asked for, because the next run may have written some. It writes down when it read a line, which
    may be before the moment that it gives as the start of the run, or after the one that it gives as its end. So a run
    that follows closely on another may show the end of that one too. The Engine cuts a line into pieces of 16 kB that
    count as lines here, so the answer is bounded.
"""

from __future__ import annotations

from docker import APIClient

from daprdockr.model.host import ContainerState

TIMEOUT = 5.0
"""The timeout of each answer in seconds: the log of a container is for people, and nothing waits for it."""

_LINES = 60
_EARLIER, _LATER = 1.0, 0.2


def tail(client: APIClient, state: ContainerState) -> bytes:
    """Return the end of the log of its last run; see Note [The end of a log]. :raises: the exceptions of docker-py."""
    before, client.timeout = client.timeout, int(TIMEOUT)
    try:
        since = state.started - _EARLIER if state.started else None
        until = None if state.running or not state.finished else state.finished + _LATER
        return bytes(client.logs(state.id, tail=_LINES, since=since, until=until, stream=False, follow=False))
    finally:
        client.timeout = before
