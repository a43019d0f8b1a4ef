# -*- test-case-name: tests.unit.engine.test_docker_engine,tests.functional.test_engine_contract -*-
"""
The containers of one node, as its Engine lists and inspects them: which are visible at all, and what is passed over.

Blocking: runs in threads of a pool, never in the reactor's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from attrs import evolve
from twisted.logger import Logger

from daprdockr.engine import answers
from daprdockr.engine.clients import EngineClients
from daprdockr.engine.inspected import InspectedContainers
from daprdockr.engine.left import LeftTasks
from daprdockr.engine.listed import ListedContainers
from daprdockr.model.errors import BadInput, ContainerAbsent, EngineError
from daprdockr.model.host import LABEL_NODE, ContainerState, Status


class VisibleContainers:
    """
    :param node: only containers with this node label, or one of those in ``former``, are visible.
    :param left: knows which containers cannot be started any more.
    :param clock: monotonic seconds.
    """

    log = Logger()

    def __init__(
        self,
        clients: EngineClients,
        node: str,
        former: Collection[str] = (),
        *,
        left: LeftTasks,
        clock: Callable[[], float],
    ) -> None:
        self._clients = clients
        self._node = node
        self._left = left
        self._inspected = InspectedContainers(clock)
        self._listed = ListedContainers(self._inspected, self.inspect, clock, self._pass_over)
        self.names = frozenset({node, *former})
        """The node labels of visible containers."""
        self.others: frozenset[tuple[str, int]] = frozenset()
        """The nodes, each with its cluster, that the last list had other containers of."""

    def list(self) -> Sequence[ContainerState]:
        """Return all of them, running or not. :raises EngineError: one of them is not known."""
        with self._clients.calling("list the containers") as client:
            listed_all = client.containers(all=True, filters={"label": LABEL_NODE})
        summaries = [summary for summary in listed_all if answers.node_of(summary)[0] in self.names]
        self.others = frozenset(answers.node_of(one) for one in listed_all).difference(map(answers.node_of, summaries))
        states = self._listed.states(summaries)
        self._inspected.keep({summary["Id"] for summary in summaries})
        return [state for state in states if state is not None]

    def _pass_over(self, container: str, problem: EngineError) -> None:
        text = "container {container} is passed over: {problem}: remove it with docker rm -f"
        self.log.warn(text, container=container, problem=problem)

    def inspect(self, container: str) -> ContainerState | None:
        """Return one of them, by its id or its name, or None when it is gone or not visible."""
        try:
            with self._clients.calling(f"inspect container {container[:12]}") as client:
                answer = client.inspect_container(container)
        except ContainerAbsent:
            self._left.forget(container)
            return None
        node = (answer["Config"].get("Labels") or {}).get(LABEL_NODE)
        if node not in self.names:
            return None
        try:
            state = evolve(answers.container_state(answer), former="" if node == self._node else node)
        except BadInput as problem:
            if self._inspected.is_newly_unreadable(known := answer["Id"]):
                self.log.warn("container {container} is passed over: {problem}", container=known, problem=problem)
            return None
        is_lost = not state.running and self._left.is_lost(state.id)
        return evolve(state, status=Status.DEAD, error="containerd does not let go of it") if is_lost else state

    def forget(self, container: str) -> None:
        """Have a container inspected again by the next list."""
        self._inspected.forget(container)

    def forget_all(self) -> None:
        """Have every container inspected again by the next list."""
        self._inspected.forget_all()
