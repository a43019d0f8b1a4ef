# -*- test-case-name: tests.unit.engine.test_docker_engine,tests.functional.test_engine_contract -*-
"""
The local Docker Engine behind the seam ``daprdockr.model.seams.Engine``.

Owns the calls of docker-py's low-level client and their order; which containers there are is read in ``visible``. Does
not know why a container is started or stopped.
Blocking: runs in threads of a pool, never in the reactor's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from time import monotonic
from typing import Any

from attrs import evolve
from docker import APIClient
from docker.errors import APIError, NotFound
from twisted.logger import Logger

from daprdockr.engine import answers, execution, logs, users
from daprdockr.engine.clients import EngineClients
from daprdockr.engine.credentials import credentials
from daprdockr.engine.docker_events import DockerEvents
from daprdockr.engine.documents import documents
from daprdockr.engine.failures import FOREIGN, complaint_in, not_pulled, pull_failure
from daprdockr.engine.left import LeftTasks
from daprdockr.engine.questions import EngineQuestions
from daprdockr.engine.visible import VisibleContainers
from daprdockr.model.errors import (
    ContainerAbsent,
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineSilent,
    EngineUnavailable,
    ImageAbsent,
    PullFailed,
)
from daprdockr.model.host import ContainerState, Executed, Image, Inventory, Volume
from daprdockr.model.names import shorten
from daprdockr.model.seams import PING_TIMEOUT

_PULL_SILENCE = 120.0


class DockerEngine:
    """
    One node's view of one Engine.

    :param url: as in DOCKER_HOST: ``unix:///path`` or ``tcp://host:port``.
    :param node: only containers with this node label, or one of those in ``former``, are visible.
    :param timeout: the timeout of one answer in seconds; a stop may take its grace on top.
    :param pull_timeout: the timeout of a pull, in seconds.
    :param clock: a monotonic clock in seconds.
    """

    log = Logger()

    def __init__(
        self,
        url: str,
        node: str,
        former: Collection[str] = (),
        *,
        timeout: int = 60,
        pull_timeout: float = 1800.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.pull_timeout = pull_timeout
        self._clients = EngineClients(url, timeout)
        self._questions = EngineQuestions(url, PING_TIMEOUT)
        self._clock = clock
        self._left = LeftTasks(clock)
        self._visible = VisibleContainers(self._clients, node, former, left=self._left, clock=clock)

    def containers(self) -> Sequence[ContainerState]:
        """
        Return all containers of this node, running or not; see Note [What a list need not ask again] in ``inspected``.
        """
        return self._visible.list()

    def inspect(self, container: str) -> ContainerState | None:
        """Return one container, by its id or its name, or None when it is gone or not this node's."""
        return self._visible.inspect(container)

    def image(self, reference: str) -> Image | None:
        """Return the image, or None when it is not on this host."""
        try:
            with self._clients.calling(f"inspect image {shorten(reference)}") as client:
                return answers.image(client.inspect_image(reference), reference)
        except ImageAbsent:
            return None

    def made_from(self, container: str, reference: str) -> Image | None:
        """
        Return the image that a container was made from by this reference, to which that may lead no more; None if it
        was made by another one, or either is gone.
        """
        what = f"inspect container {container[:12]}"
        with suppress(ContainerAbsent, ImageAbsent), self._clients.calling(what) as client:
            made = client.inspect_container(container)
            if made["Config"].get("Image") == reference:
                return answers.image(client.inspect_image(made["Image"]), reference)
        return None

    def volume(self, name: str) -> Volume | None:
        """Return the volume, or None when there is none of this name."""
        with self._clients.calling(f"inspect volume {shorten(name)}") as client, suppress(NotFound):
            return answers.volume(client.inspect_volume(name))
        return None

    def ping(self) -> None:
        """Return if the Engine answers at all. :raises EngineUnavailable: it did not within ``PING_TIMEOUT``."""
        try:
            self._questions.ask("/_ping", "answer a ping")
        except EngineSilent:
            text = f"the Docker Engine hangs, a ping was not answered within {PING_TIMEOUT} s: restart it"
            raise EngineUnavailable(text) from None

    def ask_containerd(self) -> None:
        """
        Return if the Engine's containerd answers: the Engine asks it when it is asked for its own version.

        :raises EngineSilent: it did not within ``PING_TIMEOUT``.
        """
        try:
            self._questions.ask("/version", "ask its containerd")
        except EngineSilent:
            text = f"the Docker Engine hangs, its containerd did not answer within {PING_TIMEOUT} s: restart it"
            raise EngineSilent(text) from None

    def inventory(self) -> Inventory:
        """Combine the Engine's ``info``, its lists of images and networks, and the last list of containers."""
        with self._clients.calling("say what the host has") as client:
            found = answers.inventory(client.info(), client.images(), client.networks())
        return evolve(found, others=self._visible.others)

    def pull(self, reference: str) -> None:
        """
        Pull with the credentials in Docker's own configuration file, as it is now. No tag means ``latest``.

        :raises PullFailed: with the text of the registry; also after the timeout.
        :raises ImageRefused: the registry has no such image, or does not give it to this host.
        """
        deadline, shown = self._clock() + self.pull_timeout, credentials(reference)
        with self._clients.own(silence=_PULL_SILENCE) as client:
            try:
                for line in documents(client.pull(reference, stream=True, decode=False, auth_config=shown)):
                    if complaint := complaint_in(line):
                        raise not_pulled(reference, complaint)
                    if self._clock() > deadline:
                        raise PullFailed(f"{shorten(reference)} was not pulled within {self.pull_timeout:g} s")
            except FOREIGN as error:
                raise pull_failure(error, reference) from error

    def create(self, name: str, body: Mapping[str, Any]) -> str:
        """
        Create a container from a body of the Docker API's ``ContainerCreate``; return its id.
        :raises ImageAbsent, NameTaken: as their docstrings say. :raises EngineRefused: a field is wrong.
        """
        try:
            with self._clients.calling(f"create container {name}") as client:
                answer = client.create_container_from_config(dict(body), name)
        except ContainerAbsent as error:  # the body names another container, to share its network
            raise EngineRefused(f"container {name} cannot be created: {error}") from error
        return str(answer["Id"])

    def user_id(self, container: str) -> int:
        """
        Return the number of the user as whom a container runs. :raises EngineRefused: the image does not know the name.
        """
        with self._clients.calling("say as whom the container runs") as client:
            return users.user_id(client, container)

    def start(self, container: str) -> ContainerState:
        """
        Start it (a no-op when it runs) and return its state after that.

        :raises EngineRefused: its program cannot run, or a host port is taken; it stays, created, for the caller.
        """
        try:
            # not named by its id, which differs when the container was created again
            with self._clients.calling("start the container") as client:
                client.start(container)
        except EngineUnavailable as error:
            if answers.LEFT_TASK.search(str(error)):
                self._left.found(container)
                if self._left.is_lost(container):
                    raise EngineFailed(str(error)) from None
            raise
        self._left.forget(container)
        state = self.inspect(container)
        if state is None:
            raise ContainerAbsent(f"container {container[:12]} was removed while it was started")
        return state

    def signal(self, container: str, signal: str) -> None:
        """Send a signal to its main process; a no-op when it does not run or is gone."""
        with suppress(ContainerAbsent), self._clients.calling(f"signal container {container[:12]}") as client:
            _signal(client, container, signal)

    def ask_to_stop(self, container: str) -> None:
        """Send the stop signal of its image or definition; a no-op when it does not run or is gone."""
        with suppress(ContainerAbsent), self._clients.calling(f"signal container {container[:12]}") as client:
            state = client.inspect_container(container)
            if state["State"]["Running"]:
                _signal(client, container, state["Config"].get("StopSignal") or "SIGTERM")

    def stop(self, container: str, grace: int) -> None:
        """Ask it to stop, kill it after ``grace`` seconds; a no-op when it does not run or is gone."""
        try:
            with self._clients.calling(f"stop container {container[:12]}") as client:
                client.stop(container, timeout=grace)
        except ContainerAbsent:
            return
        except EngineError:
            # The Engine continues a stop after we gave up waiting, and another client may have stopped the container
            # first.
            state = self.inspect(container)
            if state is not None and state.running:
                raise

    def remove(self, container: str) -> None:
        """Remove it with its anonymous volumes, killing it if it runs; a no-op when it is gone."""
        try:
            with self._clients.calling(f"remove container {container[:12]}") as client:
                client.remove_container(container, v=True, force=True)
        except ContainerAbsent:
            return
        except EngineRefused as error:
            if "already in progress" not in str(error):
                raise

    def execute(self, container: str, command: Sequence[str], timeout: float) -> Executed:
        """
        Run a command inside; its exit status is 124 if it took longer than ``timeout`` seconds.

        :raises EngineRefused: the container does not run: Note [An overdue command is killed by us] in ``execution``.
        """
        with self._clients.calling(f"run a command in container {container[:12]}") as client:
            return execution.execute(client, container, command, timeout, self._clock)

    def log_tail(self, state: ContainerState) -> bytes:
        """
        Return the end of what a container logged in its last run, of bounded length, errors and output together.

        :raises EngineRefused, EngineFailed: among others, when its logging driver cannot be read.
        """
        with self._clients.calling(f"give the log of container {state.id[:12]}") as client:
            return logs.tail(client, state)

    def events(self) -> DockerEvents:
        """Subscribe; returns when the Engine has answered. :raises EngineUnavailable: if it does not."""
        self._clients.lost()
        client = self._clients.fresh()
        try:
            stream = DockerEvents(client, self._visible.names, self._visible.forget)
        except EngineError:
            client.close()
            raise
        # Clear the cache only after subscribing: earlier changes were never reported to us.
        self._visible.forget_all()
        return stream

    def close(self) -> None:
        """Close all connections; later calls raise EngineUnavailable."""
        self._clients.close()
        self._questions.close()


def _signal(client: APIClient, container: str, signal: str) -> None:
    """Send a signal; it is no failure if the container ends before the signal arrives."""
    try:
        client.kill(container, signal)
    except APIError as error:
        if error.response is None or error.response.status_code != HTTPStatus.CONFLICT:
            raise
