"""
Following this host's Docker Engine: whether it answers, and what it reports of containers and of the host's resources.

``Containers`` and ``Stock`` are kept current by the Engine's events, by inspections after own steps, and by a full list
now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from daprdockr.agent.host.containers import Containers
from daprdockr.agent.host.hints import Hints
from daprdockr.agent.host.stock import Stock
from daprdockr.model.errors import EngineError, EngineSilent, EngineUnavailable
from daprdockr.model.host import ContainerState, Inventory
from daprdockr.model.seams import Engine
from daprdockr.model.stored.revisioned import Claim
from daprdockr.model.trouble import line
from daprdockr.model.troubles.host import EngineHangs, EngineLost, EngineNotReached
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.pool import Run
from daprdockr.runtime.timer import Timer
from daprdockr.runtime.workers import Stopped

LIST_INTERVAL = 30.0
"""Seconds between two full lists. Events come sooner; this finds what they missed."""

FIRST_RETRY = 1.0
"""Seconds from the first call that failed to another list; each further time twice as long, up to the interval."""

STOP = 10.0
"""The longest time that a stop waits for the listener, in seconds."""


class Listening(Protocol):
    """The listener to the Engine's events, in a thread of its own; ``daprdockr.engine.events`` implements it."""

    def start(self) -> None: ...

    def stop(self) -> object: ...


class Host(Service):
    """
    :param listen: makes the listener to the Engine's events for this object.
    :param on_answer: called when the Engine answers for the first time, and when it does again after a failure.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: Any,
        run: Run,
        engine: Engine,
        listen: Callable[[Host], Listening],
        containers: Containers,
        stock: Stock,
        on_answer: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._run = run
        self._engine = engine
        self._listener = listen(self)
        self.containers = containers
        self.stock = stock
        self._on_answer = on_answer
        self._hints = Hints(reactor, self._inspect_hinted, self._list_now)
        self._loop = LoopingCall(self._list)
        self._loop.clock = reactor
        self._retry = Timer(reactor, self._list_now)
        self._pause = FIRST_RETRY
        self._ended = False
        self._untold = LoggedOnce(
            lambda reason: self.log.warn("what this host has is known no better than before: {reason}", reason=reason)
        )
        self.asked = False
        self.listed = False
        self._unanswered: EngineNotReached | EngineHangs | EngineLost | None = EngineNotReached()
        self._stalled: EngineHangs | None = None

    @property
    def condition(self) -> EngineNotReached | EngineHangs | EngineLost | None:
        """Why the Engine cannot be asked, or carries nothing out; None while it does."""
        return self._unanswered or self._stalled

    @property
    def trouble(self) -> str:
        return line(self.condition)

    def startService(self) -> None:
        super().startService()
        self._ended = False
        self._listener.start()
        self._loop.start(LIST_INTERVAL, now=False)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._ended = True
        if self._loop.running:
            self._loop.stop()
        self._retry.cancel()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        """End the listener. If calls to an Engine that hangs leave no thread for that, its own goes on, as a daemon."""
        ended = self._run(self._listener.stop)
        await ended.addTimeout(STOP, self._reactor, lambda *_: None)

    def may_run(self, claim: Claim) -> bool:
        """Whether the container named in this node's claim is running; True until the Engine has been listed."""
        if not self.listed:
            return True
        containers = self.containers.of(claim.instance.service).get(claim.instance.number, ())
        return any(container.running and container.id == claim.record.container for container in containers)

    # Called by the listener, in its own thread.

    def on_event(self, action: str, container: str) -> None:
        if action == "create":
            return  # its creator knows, and until it starts it concerns nobody else
        if action == "kill":
            self._reactor.callFromThread(self.containers.signals.sent, container)
        self._hints.hint(container)

    def on_connected(self) -> None:
        self._reactor.callFromThread(self._list_now)

    def on_lost(self, error: EngineError) -> None:
        self._reactor.callFromThread(self._lost, str(error))

    # The rest is in the reactor's thread.

    def inspect(self, container: str) -> Deferred[None]:
        """Inspect one container."""
        return Deferred.fromCoroutine(self._inspect(container))

    def _inspect_hinted(self, container: str) -> Deferred[None]:
        return self.inspect(container).addErrback(
            lambda failure: self.log.failure("a container could not be inspected", failure)
        )

    async def _inspect(self, container: str) -> None:
        try:
            state = await self._run(self._engine.inspect, container)
        except Stopped:
            return
        except EngineError as error:
            self._could_not_inspect(error)
            return
        if state is None:
            self.containers.forget(container)
        else:
            self.containers.update(state)

    def _could_not_inspect(self, error: EngineError) -> None:
        """Have all listed, for the list knows which containers may be passed over: one of them may be locked."""
        if _is_away(error):
            self._lost(str(error))
            return
        self.log.warn("{reason}", reason=str(error))
        if isinstance(error, EngineSilent):
            self._list_soon()  # as the Engine may hang altogether
        else:
            self._list_now()

    def fell_silent(self, reason: str) -> None:
        """Take note that the Engine answers nothing at all; ``answered`` ends that."""
        if not (self.asked and self._unanswered):
            self.log.warn("the Docker Engine has fallen silent: {reason}", reason=reason)
            self.asked, self._unanswered = True, EngineHangs(reason)
            self._on_answer()

    def answered(self) -> None:
        """Take note that the Engine answers again after it had fallen silent."""
        self._list_now()

    def stalled(self, reason: str) -> None:
        """Take note that the Engine's containerd answers nothing; ``resumed`` ends that."""
        if self._stalled is None:
            self.log.warn("the Docker Engine starts and stops nothing: {reason}", reason=reason)
            self.asked, self._stalled = True, EngineHangs(reason)
            self._on_answer()

    def resumed(self) -> None:
        """Take note that containerd answers again."""
        self.log.info("containerd answers again")
        self._stalled = None
        self._list_now()
        self._on_answer()

    def _list_now(self) -> None:
        if not self._ended:
            Deferred.fromCoroutine(self._list())

    async def _list(self) -> None:
        before = self.containers.inspections
        try:
            self._take_list(await self._run(self._engine.containers), before)
            await self._look_into_stock()
        except EngineError as error:
            self._lost(str(error))
        except Stopped:
            pass
        except Exception:
            self.log.failure("the containers could not be listed")

    def _take_list(self, found: Sequence[ContainerState], before: int) -> None:
        if not self.listed or self._unanswered:
            self.log.info("the Docker Engine answers, {count} containers are ours", count=len(found))
        changed = not self.listed or self._unanswered is not None
        self.asked = self.listed = True
        self._unanswered, self._pause = None, FIRST_RETRY
        self.containers.take_list(found, before)
        if changed:
            self._on_answer()

    async def _look_into_stock(self) -> None:
        """
        Ask for the inventory. An Engine that answers, but cannot say it, runs containers nevertheless: its images may
        be damaged, or so many that they are not listed in time. Whether it hangs altogether, ``pulse`` finds out.

        :raises EngineUnavailable: it does not answer.
        """
        try:
            found = await self._run(self._engine.inventory)
        except EngineError as error:
            if _is_away(error):
                raise
            self._untold.found(str(error))
        else:
            self._untold.found("")
            self._take_inventory(found)

    def _take_inventory(self, found: Inventory) -> None:
        if self.stock.take(found) and any(state.cut_off for state in self.containers):
            self._on_answer()

    def _lost(self, reason: str) -> None:
        if reason != line(self._unanswered):
            self.log.warn("{reason}", reason=reason)
        self.asked, self._unanswered = True, EngineLost(reason)
        self._list_soon()

    def _list_soon(self) -> None:
        if self.running and not self._retry.is_set:
            self._retry.set(self._pause)
            self._pause = min(LIST_INTERVAL, 2 * self._pause)


def _is_away(error: EngineError) -> bool:
    """Return whether an Engine is away that failed to answer one question, as far as that shows: see ``pulse``."""
    return isinstance(error, EngineUnavailable) and not isinstance(error, EngineSilent)
