"""
The guard's one loop: read the orders, and stop the containers that may not run any more. A pass keeps nothing that a
guard started anew would need.

Note [No acknowledgement]
    Nobody notifies the guard of a change, and it answers nobody. Each pass reads the orders again, also when something
    is due, so a beat that came in time is always seen. The actions that are due follow from orders and clock alone: a
    guard that was killed and started again does the same as the former one would have done, except for a second TERM.

Note [After the deadline]
    A start that the agent requested in time may be carried out late, by an Engine that hung. So a container whose
    deadline is over is searched for in every pass until the agent gives it a later one, and killed when it appears.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection

from daprdockr.guard.orders import Action, Orders
from daprdockr.guard.processes import Processes

POLL = 0.1
"""
Seconds between two passes while there is something to guard; an action that becomes due in between gets a pass of its
own.
"""

IDLE = 0.25
"""
Seconds between two passes while there is nothing. It must leave time to act on a first order: a container is started
when half of a lease is left, and the shortest lease is 2 s.
"""


class Guard:
    """
    :param read: the newest content of the orders' file that could be read; None: none yet.
    :param memory: the content of the memory that is shared with the agent; None: none yet.
    :param clock: CLOCK_BOOTTIME in seconds.
    :param boot: the id of this boot.
    :param report: takes a line for people.
    """

    def __init__(
        self,
        *,
        read: Callable[[], bytes | None],
        memory: Callable[[], bytes | None] = lambda: None,
        processes: Processes,
        clock: Callable[[], float],
        boot: str,
        report: Callable[[str], None],
    ) -> None:
        self._ways = (read, memory)
        self._contents: list[bytes | None] = [None, None]
        self._processes = processes
        self._clock = clock
        self._report = report
        self._asked: dict[str, float] = {}
        self._reported: dict[str, tuple[Action, Collection[int]]] = {}
        self.orders = Orders(boot, 0.0, {})

    def poll(self) -> float:
        """Run one pass; return the seconds until the next."""
        for way, read in enumerate(self._ways):
            self._take(way, read())
        now = self._clock()
        actions = {container: self.orders.action(container, now) for container in self.orders.containers}
        due = {container: action for container, action in actions.items() if self._is_due(container, action)}
        if due:
            for container, pids in self._processes.of(due).items():
                self._stop(container, due[container], pids)
        if not self.orders.containers:
            return IDLE
        return max(0.0, min(POLL, self.orders.next_change(now) - self._clock()))

    def _take(self, way: int, content: bytes | None) -> None:
        """
        Take new orders. If they cannot be read, the present ones stay: they end by themselves, at their deadlines.
        """
        before = self._contents[way]
        if content is None or content == before:
            return
        self._contents[way] = content
        try:
            orders = Orders.decode(content, self.orders.boot)
        except ValueError as error:
            self._report(f"the orders cannot be read, the former ones stand: {error}")
            return
        if self.orders.written and not self._are_new(orders, before is not None):
            return
        self.orders = orders
        for known in (self._asked, self._reported):
            for container in known.keys() - self.orders.containers.keys():
                del known[container]

    def _are_new(self, orders: Orders, is_change: bool) -> bool:
        """See Note [Two ways] in ``orders``."""
        return orders.written >= self.orders.written if orders.written else is_change

    def _is_due(self, container: str, action: Action) -> bool:
        """
        Return whether an action is due. TERM is due once for each deadline: many programs take a second one as an order
        to abort.
        """
        if action is Action.TERM:
            return self._asked.get(container) != self.orders.containers[container].deadline
        return action is Action.KILL

    def _stop(self, container: str, action: Action, pids: Collection[int]) -> None:
        targets = pids if action is Action.KILL else self._processes.first_of(pids)
        number = signal.SIGKILL if action is Action.KILL else signal.SIGTERM
        reached = [pid for pid in targets if self._signal(pid, container, number)]
        if action is Action.TERM and reached:
            self._asked[container] = self.orders.containers[container].deadline
        if reached and self._reported.get(container) != (action, reached):
            self._reported[container] = (action, reached)
            self._report(self._line(container, action, reached))

    def _signal(self, pid: int, container: str, number: int) -> bool:
        try:
            return self._processes.signal(pid, container, number)
        except OSError as error:
            self._report(f"pid {pid} of container {container[:12]} cannot be signalled: {error}")
            return False

    def _line(self, container: str, action: Action, pids: Collection[int]) -> str:
        left = self.orders.containers[container].deadline - self._clock()
        when = f"{left:.2f} s before" if left >= 0 else f"{-left:.2f} s after"
        return f"container {container[:12]} got {action.name} {when} its deadline, pids {' '.join(map(str, pids))}"
