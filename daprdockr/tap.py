"""
The plugin that ``twistd daprdockr`` runs: options in, the services of an agent out.

Note [Monotonic time]
    Twisted's reactor reads the wall clock, and a wall clock that is set back an hour would stop every timer for an
    hour. Nothing is scheduled yet when a plugin makes its service, so the reactor is given the monotonic clock here.

Note [What Python need not search]
    Python looks for cycles of unused objects from time to time, and nothing else goes on in the meantime: not the
    answer to a DNS question, nor the change of a route. An agent begins with a hundred thousand objects, which are its
    code and stay as long as it runs: looking at all of them took up to 80 ms. So they are left out of the search.

Note [The text of generated code]
    attrs keeps the text of the methods that it generates, for tracebacks: nearly two megabytes in 17,000 lines. It is
    dropped, and its room taken by what the agent learns of its cluster.
"""

from __future__ import annotations

import gc
import linecache
import os
import sys
import time
from collections.abc import MutableMapping
from functools import partial
from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized

from daprdockr import __version__
from daprdockr.agent.reporting.conditions import lines
from daprdockr.agent.reporting.systemd import ReportToSystemd
from daprdockr.agent.statedir import StateDir
from daprdockr.arguments.options import Options
from daprdockr.model.errors import BadInput
from daprdockr.process.cores import keep_memory_out_of_cores
from daprdockr.runtime.agent_log import observer
from daprdockr.runtime.hangup import end_at_hangup
from daprdockr.runtime.library_logs import join_logs
from daprdockr.runtime.notify_socket import NotifySocket
from daprdockr.runtime.sequence import Sequence
from daprdockr.wiring.composition import compose
from daprdockr.wiring.real import real

__all__ = ["Options", "makeService"]


def makeService(  # noqa: N802  Twisted's name
    options: Options, reactor: Any = None, environment: MutableMapping[str, str] = os.environ
) -> IService:
    """Return the agent; a mistake in its surroundings ends the program with one line."""
    join_logs()
    if reactor is None:
        from twisted.internet import reactor

        linecache.clearcache()  # Note [The text of generated code]
        gc.freeze()  # Note [What Python need not search]
        end_at_hangup(reactor)
    reactor.seconds = time.monotonic  # Note [Monotonic time]
    settings = options.settings()
    state = StateDir(settings.state_dir)
    notify = NotifySocket.taken_from(environment)  # before anybody else gets this environment
    try:
        state.lock()
        log = None if options.parent is None else observer(settings.log_format, options.parent, reactor, sys.stdout)
        agent = Agent(settings.node, state, log)
        composition = compose(settings, state, real(settings, state, reactor))
    except BadInput as error:
        state.unlock()
        raise SystemExit(f"daprdockr: {error}") from None
    for service in composition.services:
        service.setServiceParent(agent)
    if notify is not None:
        troubles = partial(lines, composition.judged)
        ReportToSystemd(reactor=reactor, notify=notify, troubles=troubles).setServiceParent(agent)
    return agent


class Agent(Sequence):
    """
    All services of an agent, and its state directory, which is locked as long as they run.

    :param log: writes the log of the application that the agent becomes a part of; None: what that has.
    """

    log = Logger()

    def __init__(self, node: str, state: StateDir, log: ILogObserver | None = None) -> None:
        super().__init__()
        self._node = node
        self._state = state
        self._observer = log

    def setServiceParent(self, parent: Any) -> None:
        if self._observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._observer)
        super().setServiceParent(parent)

    def startService(self) -> None:
        self.log.info("the agent of node {node} begins, version {version}", node=self._node, version=__version__)
        super().startService()

    def privilegedStartService(self) -> None:
        keep_memory_out_of_cores()
        try:
            super().privilegedStartService()
        except (CannotListenError, BadInput) as error:
            raise SystemExit(f"daprdockr: {error}") from None

    def stopService(self) -> Deferred[None]:
        return super().stopService().addCallback(lambda _: self._ended())

    def _ended(self) -> None:
        self._state.unlock()
        self.log.info("the agent of node {node} has ended", node=self._node)
