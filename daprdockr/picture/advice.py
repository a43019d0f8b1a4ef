# -*- test-case-name: tests.unit.cli.commands.test_why -*-
"""Advice to a person about an instance that does not run as wanted: one sentence for each kind of trouble."""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

from daprdockr.model.known.owners import Taken
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import State
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.stored.volume import UNKNOWN
from daprdockr.model.wanted.definition import Definition
from daprdockr.picture.table import Row
from daprdockr.planning.candidates import Bar, Hindrance

_BARS: Mapping[Bar, str] = {
    Bar.ABSENT: "start the agent of the node again",
    Bar.NOT_READY: "look for the reason in the agent's log on a node that is not ready: journalctl -u daprdockr",
    Bar.CORDONED: "let a cordoned node take instances again: daprdockrcmd uncordon NODE",
    Bar.DRAINING: "let a drained node take instances again: daprdockrcmd uncordon NODE",
    Bar.PRIVILEGE: "start the agent of a node that may run it with --allow {privileges}",
    Bar.KEY: "copy the file that daprdockrcmd secret key made to a node, as cluster.key in its agent's state directory,"
    " or to where --cluster-key says",
    Bar.CONSTRAINT: "start the agent of a node with a --label that meets it, or change Placement.Constraints",
    Bar.ONE_PER_NODE: "add a node, or want fewer instances: daprdockrcmd scale {service}=N",
    Bar.PORT: "move the service that has the port, choose another HostPort, or use a Tcp route, which needs none",
    Bar.MEMORY: "state less Memory in the definition, scale another service down, or add a node",
    Bar.CPUS: "state fewer processors in the definition, scale another service down, or add a node",
    Bar.DARK: "mend the host on which nothing starts: daprdockrcmd nodes has the reason",
}
"""The changes that would let a node take an instance; a failing one needs what the failing instance needs."""

_HOMES: Mapping[Bar | None, str] = {
    Bar.ABSENT: "bring {node} back",
    Bar.NOT_READY: "bring {node} back",
    Bar.CORDONED: "let {node} take instances again (daprdockrcmd uncordon {node})",
    Bar.DRAINING: "let {node} take instances again (daprdockrcmd uncordon {node})",
    Bar.FAILING: "wait until {node} takes it",
    Bar.DARK: "wait until {node} takes it",
    None: "wait until {node} takes it",
}
"""The ways back to its data for an instance, by why the node with that does not take it (None: it does)."""

_BEFORE = "read what the command before the rollout logged: daprdockrcmd job logs {service} {run}"

_LISTEN = (
    "have the program listen at port {port} on all addresses of its container, not only at 127.0.0.1, or correct the"
    " port in Http, Tcp or Health; if it takes long to begin, give it a Health.StartPeriod"
)

_REASONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), sentence)
    for pattern, sentence in (
        (
            r"^a file for a container cannot be written in (?P<folder>\S+): No space left",
            "make room in {folder} on that node, where the secrets or files of its containers are",
        ),
        (
            "[nN]o space left on device",
            "make room on the disk of that node: docker system df there shows what takes it",
        ),
        (
            r"node (?P<node>\S+) has no room for the image in (?P<folder>\S+): ",
            "make room on {node} in {folder}, where an image waits until the Engine has taken it",
        ),
        ("out of memory", "raise Container.Memory, or find what the program fills it with"),
        (
            r"^(the command .* fails: )?killed \(SIGKILL\)",
            "find out who killed it; the kernel does if the program needs more than Container.Memory, and journalctl -k"
            " on the node says so",
        ),
        (
            "^exit status 0, as if",
            "keep the program in the foreground; if it is a job, whose work is done, give it a Schedule",
        ),
        ("exec format error", "use an image that is for the processor of that node"),
        (
            r"port \d+ of this host is taken|host port \S+ is not free on this node",
            "end what listens there (ss -ltnp on the node says what), or choose another HostPort",
        ),
        (
            "could not be pulled|pull or build it",
            "correct the name of the image, or the node's way to the registry (try docker pull {image} there), or push"
            " it, where no registry has it: daprdockrcmd push {image}",
        ),
        (
            "^the command .* fails: .*(not found|no such file)",
            "correct Health.Cmd, or use an image that has its program, because it runs in the container",
        ),
        (
            "command (was not found|cannot be executed)|^the Docker Engine refused to start .* exec: ",
            "correct Container.Cmd or Entrypoint, or use an image that has the program",
        ),
        ("^the Docker Engine refused .*(find user|find group)", "correct Container.User, or use an image that has it"),
        (
            r"^the Docker Engine refused .*network (?P<network>\S+) not found",
            "correct Container.NetworkMode, or make it on each node: docker network create {network}",
        ),
        ("^the Docker Engine refused to", "correct what the Engine complains of, in the definition or on the node"),
        (r"^Before failed: .*\(run (?P<run>\d+)\)", _BEFORE),
        (r"^waits for (?P<other>[^ ,.]+\.[^ ,]+)", "find out why that one is not healthy: daprdockrcmd why {other}"),
        (
            "^secret.* not set.*; file.* not set",
            "set each of them, by daprdockrcmd secret set NAME and daprdockrcmd file set NAME FILE",
        ),
        ("^secrets .* not set", "set each of them: daprdockrcmd secret set NAME"),
        ("^files .* not set", "set each of them: daprdockrcmd file set NAME FILE"),
        ("^secret (?P<other>[^ ,]+) is not set", "set it: daprdockrcmd secret set {other}"),
        ("^file (?P<other>[^ ,]+) is not set", "set it: daprdockrcmd file set {other} FILE"),
        (
            "^secret (?P<other>[^ ,]+) is no text",
            "have the program read it as a file, without Env in Secrets, or set another value: daprdockrcmd secret set"
            " {other}",
        ),
        (r"^nothing answers on port (?P<port>\d+)", _LISTEN),
        (r"^(no success from \S+|gRPC's health check) on port (?P<port>\d+).*refused", _LISTEN),
        (
            r"^no success from (?P<path>\S+) on port \d+: status 4",
            "have the program answer {path} with 200 to 399, or correct Health.Path; what it wants besides goes into"
            " Health.Host and Health.Headers",
        ),
        (
            "^it is paused$",
            "let it go on with docker unpause on that node, where docker ps -f status=paused names its container",
        ),
        ("no HEALTHCHECK", "give the image a HEALTHCHECK, or choose another Health.Type"),
    )
)

_STATES: Mapping[State, str] = {
    State.BACKING_OFF: "read what it logged, and correct the program or its definition: daprdockrcmd logs {service}",
    State.UNHEALTHY: "see whether the program serves what Health checks, and give it a Health.StartPeriod to begin",
}

_AGAIN: tuple[tuple[re.Pattern[str], State], ...] = (
    (re.compile(r"^(exit status|killed|aborted|segmentation fault|stopped by)\b"), State.BACKING_OFF),
    (re.compile("^(no success from|nothing answers on|the command|its HEALTHCHECK) "), State.UNHEALTHY),
)
"""The trouble of an instance that is starting, by the reason that stands since it, or its first checks, failed."""

_OR_SLOW = "; if it only takes long, wait: daprdockrcmd wait {service}"

_PATIENCE: Mapping[State, str] = {
    State.PULLING: "wait until the image is there: daprdockrcmd wait {service}",
    State.STARTING: "wait until it is healthy: daprdockrcmd wait {service}",
    State.RUNNING: "wait until the change has reached it: daprdockrcmd wait {service}",
}
"""As long as the rollout goes on: nothing is to be waited for when it has stopped."""

_GO_BACK = "read the last lines, and go back to what was healthy: daprdockrcmd rollback {service}"

_CHECK_AGAIN = (
    "correct the check, which was changed, or go back to the one that succeeded: daprdockrcmd rollback {service}"
)


@frozen
class Ways:
    """
    Whether there is a way ``back``: another definition was healthy once; whether the rollout has ``stopped``, and
    whether the service is ``rechecked``: its ``Health`` was another one when the same containers were healthy last.
    """

    back: bool
    stopped: bool
    rechecked: bool


def about_node(refusal: Hindrance, definition: Definition) -> str:
    """Return what would let a node take an instance of the service, "" if nothing that is done to the node would."""
    privileges = ",".join(sorted(definition.container.privileges))
    return _BARS.get(refusal.bar, "").format(service=definition.name, privileges=privileges)


def about_job(definition: Definition, job: Row) -> list[str]:
    """Return what helps a job whose last run ended badly; what it needs is in the reason, or in what it logged."""
    run, was_begun, service = job["Run"], bool(job["Node"]), definition.name
    read = f"read what run {run} logged: daprdockrcmd job logs {service} {run}" if was_begun else ""
    return [_about_reason(definition, job["Reason"]) or read, f"run it now: daprdockrcmd job run {service}"]


def about_instance(definition: Definition, state: State, reason: str, current: bool, ways: Ways) -> str:
    """Return what helps an instance that a node has and that is not as wanted."""
    service = str(definition.name)
    is_starting = state is State.STARTING
    if is_starting:
        state = next((known for pattern, known in _AGAIN if pattern.match(reason)), state)
    if state is State.UNHEALTHY and ways.rechecked:
        return _CHECK_AGAIN.format(service=service)
    if helps := _about_reason(definition, reason):
        return helps
    if state is State.BACKING_OFF and ways.back:
        return _GO_BACK.format(service=service)
    patience = "" if ways.stopped or (state is State.RUNNING and current) else _PATIENCE.get(state, "")
    slow = _OR_SLOW if is_starting and state is State.UNHEALTHY and not ways.stopped else ""
    return (_STATES.get(state, patience) + slow).format(service=service)


def _about_reason(definition: Definition, reason: str) -> str:
    """Return what helps against a reason that says all that a person has to know; "" if it does not."""
    names = {"service": str(definition.name), "image": definition.container.image}
    for pattern, sentence in _REASONS:
        if match := pattern.search(reason):
            return sentence.format(**names, **match.groupdict())
    return ""


def about_missing(definition: Definition, missing: str) -> str:
    """Return what helps against secrets and files that are not set; "" if all are."""
    return _about_reason(definition, missing)


def about_volumes(instance: InstanceName, node: str, refusal: Hindrance | None) -> str:
    """
    Return what helps an instance that waits for the node with its data.

    :param refusal: why that node does not take it (None: it does).
    """
    move = f"daprdockrcmd volume move {instance} NODE"
    if node == UNKNOWN:
        return f"say which node has its data, or is to start it without: {move}"
    bar = refusal.bar if refusal is not None else None
    helps = _HOMES.get(bar, "let {node} have what it lacks").format(node=node)
    return f"{helps}, or start it without that data: {move}"


def about_taken(found: Taken) -> str:
    return f"{found.remedy}, or delete the service that has it: daprdockrcmd -del -svc {found.owner.service}"


def about_rollout(service: ServiceName, stopped: RolloutRecord, way_back: bool) -> list[str]:
    """
    Return what helps a rollout that did not end well.

    :param way_back: whether another definition of the service was healthy once.
    """
    read = [_BEFORE.format(service=service, run=stopped.run)] if stopped.run else []
    better = "store a better definition"
    if stopped.state is RolloutState.REVERTED:  # a rollback would now lead to what was before the former one
        stays = f"if that is to stay, take note of the revert: daprdockrcmd resume {service}"
        return [*read, f"{better}, as the former one is in force again; {stays}"]
    return [*read, f"{better}, or go back: daprdockrcmd rollback {service}" if way_back else better]
