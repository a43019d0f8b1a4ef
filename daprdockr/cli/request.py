"""What a command line asks for, as one checked value. Reads words and environment, touches nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import field, frozen

from daprdockr import goflags
from daprdockr.access import ETCD_PARAMETERS, read_access
from daprdockr.etcd.address import Access
from daprdockr.model.errors import BadInput
from daprdockr.model.keys import Keys
from daprdockr.model.names import ServiceName, check_label, shorten
from daprdockr.parameter import whole_number

ACTIONS = ("get", "set", "stdin", "del", "ip")
CHANGES = ("image", "instances", "cmd", "http-host", "http-port")
"""Flags that change a definition."""

_REACH = (*(row.name for row in ETCD_PARAMETERS), "prefix")
_BOOLEAN = (*ACTIONS, "wait", "v", "h", "help")
_VALUED = ("svc", *CHANGES, *_REACH, "o", "timeout")

_TAKES: Mapping[str, Sequence[str]] = {
    "get": ("get", "svc", *_REACH),
    "set": ("set", "stdin", "svc", *CHANGES, *_REACH),
    "del": ("del", "svc", *_REACH),
    "ip": ("ip", *_REACH),
    "status": ("o", *_REACH),
    "ps": ("o", *_REACH),
    "nodes": ("o", *_REACH),
    "events": ("o", *_REACH),
    "wait": ("timeout", *_REACH),
    "drain": ("wait", "timeout", "o", *_REACH),
    "uncordon": ("o", *_REACH),
}
"""The flags that have a use, by command, or do no harm, as those of etcd with ``-ip``; ``-v`` has a use everywhere."""
COMMANDS = ("status", "ps", "nodes", "events", "wait", "drain", "uncordon")
_ABOUT_ONE_SERVICE = ("ps", "wait")
_ABOUT_ONE_NODE = ("drain", "uncordon")


@frozen
class Request:
    """
    One thing to do. ``command`` is one of the names above or "help"; ``access`` is None if etcd is not needed;
    ``changes`` holds the flags of ``CHANGES`` as typed; ``timeout`` is seconds; ``node`` is "" where none is meant.
    """

    command: str
    access: Access | None = None
    keys: Keys = field(factory=Keys)
    service: ServiceName | None = None
    node: str = ""
    changes: Mapping[str, str] = field(factory=dict)
    stdin: bool = False
    json: bool = False
    wait: bool = False
    timeout: float = 60
    verbose: bool = False


def read_request(words: Sequence[str], environment: Mapping[str, str]) -> Request:
    """:raises BadInput: one line that says what is wrong with the command line."""
    split = goflags.split(words, valued=_VALUED, boolean=_BOOLEAN)
    switches = {name for name, value in dict(split.flags).items() if value is True}
    values = {name: value for name, value in split.flags if isinstance(value, str)}
    if switches & {"h", "help"}:
        return Request("help")
    command = _command(switches, split.others)
    for name in (*sorted(switches - {"v"}), *values):
        if name not in _TAKES[command]:
            raise BadInput(f"-{name} has no use with {_spelled(command)}: leave it out")
    request = Request(
        command=command,
        access=None if command == "ip" else read_access(_reach(values, environment)),
        keys=Keys(values.get("prefix", Keys().prefix)),
        service=None if command in _ABOUT_ONE_NODE else _service(command, values, split.others[1:]),
        node=_node(command, split.others[1:]) if command in _ABOUT_ONE_NODE else "",
        changes={name: values[name] for name in CHANGES if name in values},
        stdin="stdin" in switches,
        json=_is_json(values.get("o", "table")),
        wait="wait" in switches,
        timeout=_timeout(values.get("timeout", "60")),
        verbose="v" in switches,
    )
    _check_enough(request)
    if command == "drain" and "timeout" in values and not request.wait:
        raise BadInput("-timeout has no use with drain unless it waits: add -wait")
    return request


def _command(switches: set[str], others: Sequence[str]) -> str:
    actions = [name for name in ACTIONS if name in switches]
    if others:
        if others[0] not in COMMANDS:
            raise BadInput(f"{shorten(others[0])} is not a known command: known are {', '.join(COMMANDS)}, and flags")
        actions.append(others[0])
    if actions == ["set", "stdin"] or actions == ["stdin"]:
        return "set"
    if len(actions) > 1:
        raise BadInput(f"{_spelled(actions[0])} and {_spelled(actions[1])} can not be given together: choose one")
    return actions[0] if actions else "get"


def _spelled(command: str) -> str:
    return command if command in COMMANDS else f"-{command}"


def _reach(values: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    given = {row.name: values.get(row.name) or environment.get(row.variable) or row.default for row in ETCD_PARAMETERS}
    return {name: text for name, text in given.items() if text is not None}


def _service(command: str, values: Mapping[str, str], words: Sequence[str]) -> ServiceName | None:
    if len(words) > (command in _ABOUT_ONE_SERVICE):
        raise BadInput(f"{shorten(words[-1])} has no use with {_spelled(command)}: leave it out")
    name = values.get("svc", words[0] if words else None)
    return None if name is None else ServiceName.parse(name)


def _node(command: str, words: Sequence[str]) -> str:
    if not words:
        raise BadInput(f"{command} needs the name of a node: daprdockrcmd nodes lists them")
    if len(words) > 1:
        raise BadInput(f"{shorten(words[1])} has no use with {command}: leave it out")
    return check_label(words[0], "node")


def _is_json(text: str) -> bool:
    if text not in ("table", "json"):
        raise BadInput(f"-o: {shorten(text)} is not usable, write table or json")
    return text == "json"


def _timeout(text: str) -> float:
    try:
        return whole_number(0, 86400)(text)
    except BadInput as error:
        raise BadInput(f"-timeout: {error}") from None


def _check_enough(request: Request) -> None:
    if request.command == "set" and not request.stdin:
        if request.service is None:
            raise BadInput("-set needs -svc <service>.<group>")
        if not request.changes:
            raise BadInput(f"-set needs something to set: {', '.join('-' + name for name in CHANGES)} or -stdin")
    if request.command == "del" and request.service is None:
        raise BadInput("-del needs -svc <service>.<group>")
