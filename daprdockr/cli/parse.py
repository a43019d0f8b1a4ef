"""
From the words of a command line and the environment to a request. Reads no more than the files that say how to reach
etcd, and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from attrs import evolve

from daprdockr.arguments.access import ETCD_PARAMETERS, access_of_host, read_access
from daprdockr.arguments.local_reads import SOCKET, STATE
from daprdockr.arguments.parameter import absolute_path, whole_number
from daprdockr.cli.command import ACTIONS, WORDS, Command, load
from daprdockr.cli.flags import CHANGES, REACH, names
from daprdockr.cli.operands import with_operands
from daprdockr.cli.request import Request
from daprdockr.cli.splitting import split_words
from daprdockr.cli.unknown import known_word
from daprdockr.etcd.address import Access
from daprdockr.model.errors import BadInput
from daprdockr.model.names import MOST_TAIL, check_label, shorten
from daprdockr.model.stored.keys import Keys

_USERS = ("SUDO_USER", "LOGNAME", "USER")
"""The variables that name the person, the best first."""


def read_request(words: Sequence[str], environment: Mapping[str, str]) -> Request:
    """:raises BadInput: one line that says what is wrong with the command line."""
    split = split_words(words)
    switches = {name for name, value in dict(split.flags).items() if value is True}
    values = {name: value for name, value in split.flags if isinstance(value, str)}
    if switches & {"h", "help"} or "help" in split.others[:1]:
        return Request("help", words=_asked_about([word for word in split.others if word != "help"]))
    name = "version" if "version" in switches else _name(switches, split.others)
    command, operands = load(name), split.others[1:]
    _check_flags(command, (*sorted(switches - {"v", "version"}), *values), values.get("svc", ""), operands)
    request = _surrounded(command, values, environment)
    request = with_operands(request, command, operands, values.get("svc"))
    request = _with_lists(request, split.flags)
    request = _with_values(request, command, values)
    request = _with_switches(request, switches)
    command.check(request)
    return request


def _surrounded(command: Command, values: Mapping[str, str], environment: Mapping[str, str]) -> Request:
    """Return what flags and environment say about this machine, the person, and how to reach etcd."""
    if values.get("state-dir") == "":
        raise BadInput("-state-dir is empty: write a path, or leave it out")
    state = values.get("state-dir", environment.get(STATE, ""))
    return Request(
        command=command.name,
        access=_access(values, environment, state) if command.run else None,
        state_dir=absolute_path(state) if state else Request("").state_dir,
        keys=Keys(values.get("prefix", Keys().prefix)),
        environment=dict(environment) if command.offline or {"profile", "node"} & set(command.flags) else {},
        host=environment.get("HOST_IP", ""),
        local=f"{state}/{SOCKET}" if state else "",
        user=next(filter(None, map(environment.get, _USERS)), ""),
    )


def _with_lists(request: Request, flags: Sequence[tuple[str, object]]) -> Request:
    """Return the request with the flags that may be given several times."""
    files = tuple(value for name, value in flags if name == "f" and isinstance(value, str))
    return evolve(request, files=files, profiles=_several(flags, "profile"), nodes=_nodes(flags))


def _with_values(request: Request, command: Command, values: Mapping[str, str]) -> Request:
    """Return the request with the flags that have one value each."""
    return evolve(
        request,
        prune=check_label(values["prune"], "group") if "prune" in values else "",
        expected=_expected(values["check"]) if "check" in values else "",
        group=check_label(values["group"], "group") if "group" in values else "",
        changes={name: values[name] for name in names(CHANGES) if name in values},
        json=_is_json(command, values["o"]) if "o" in values else command.only_json,
        tail=_tail(values["tail"]) if "tail" in values else None,
        since=values.get("since", ""),
        grep=values.get("grep", ""),
        timeout=_timeout(values.get("timeout", "60")),
        token_file=values.get("token-file", ""),
        snapshot=Path(values["snapshot"]) if "snapshot" in values else None,
    )


def _with_switches(request: Request, switches: Collection[str]) -> Request:
    """Return the request with the flags that have no value."""
    return evolve(
        request,
        incomplete="incomplete" in switches,
        stdin="stdin" in switches,
        follow="follow" in switches,
        interactive="interactive" in switches,
        tty="tty" in switches,
        maintenance="maintenance" in switches,
        wait="wait" in switches,
        yes="yes" in switches,
        verbose="v" in switches,
        client="client" in switches,
    )


def _several(flags: Sequence[tuple[str, object]], wanted: str) -> tuple[str, ...]:
    """Return the values of a flag that may be given several times, and has values separated by commas."""
    given = (value for name, value in flags if name == wanted and isinstance(value, str))
    return tuple(one.strip() for value in given for one in value.split(",") if one.strip())


def _nodes(flags: Sequence[tuple[str, object]]) -> tuple[str, ...]:
    """Return the nodes of ``-node``. :raises BadInput: it names none, which is not the same as that it is absent."""
    found = tuple(check_label(one, "node") for one in _several(flags, "node"))
    if not found and any(name == "node" for name, _ in flags):
        raise BadInput("-node names no node: daprdockrcmd nodes lists them, and without -node all are meant")
    return found


def _name(switches: set[str], others: Sequence[str]) -> str:
    actions = [name for name in ACTIONS if name in switches]
    if others:
        if others[0] in ACTIONS:
            raise BadInput(f"{others[0]} is written with a dash: -{others[0]}")
        if actions and "svc" in load(actions[0]).flags and others[0] not in WORDS:
            name = shorten(others[0]) if others[0].count(".") == 1 else "<service>.<group>"
            raise BadInput(f"{shorten(others[0])} has no use with -{actions[0]}: write -{actions[0]} -svc {name}")
        actions.append(known_word(others[0]))
    if actions == ["set", "stdin"]:
        return "set"
    if len(actions) > 1:
        first, second = (name if name in WORDS else f"-{name}" for name in actions[:2])
        raise BadInput(f"{first} and {second} cannot be given together: choose one")
    return actions[0] if actions else "get"


def _asked_about(words: Sequence[str]) -> tuple[str, ...]:
    """Return the command of which the help is asked for, and the one of its actions if that is named; or nothing."""
    commands = [word for word in map(known_word, words[:1]) if word in WORDS]
    actions = [word for name in commands for word in words[1:2] if word in load(name).choices]
    return *commands, *actions


def _check_flags(command: Command, given: Sequence[str], service: str, operands: Sequence[str]) -> None:
    """:raises BadInput: one of the flags, of which ``-svc`` has the value ``service``, has no use with the command."""
    taken = {command.name, *command.flags, *names(REACH)}
    for name in given:
        if name not in taken:
            is_word = name == "svc" and service and "SERVICE" in command.word and "=" not in command.word
            words = " ".join(map(shorten, (service, *operands)))
            instead = f"write {command.name} {words}" if is_word else "leave it out"
            if command.name == "get" and name in names(CHANGES):
                instead = "write -set too, which changes a definition"
            raise BadInput(f"-{name} has no use with {command.spelled}: {instead}")
        if name in command.only_waiting and "wait" not in given:
            raise BadInput(f"-{name} has no use with {command.spelled} unless it waits: add -wait")


def _reach(values: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    variables = {row.name: environment.get(row.variable) or row.default for row in ETCD_PARAMETERS}
    given = variables | {name: values[name] for name in variables if name in values}
    return {name: text for name, text in given.items() if text is not None}


def _access(values: Mapping[str, str], environment: Mapping[str, str], state: str) -> Access:
    given = _reach(values, environment)
    own = access_of_host(given, absolute_path(state)) if state else None
    return own or read_access(given)


def _expected(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{12}", text, re.ASCII):
        raise BadInput(f"-check: {shorten(text)} is not usable, write the 12 digits that daprdockrcmd plan shows")
    return text


def _tail(text: str) -> int:
    try:
        return whole_number(0, MOST_TAIL)(text)
    except BadInput as error:
        raise BadInput(f"-tail: {error}") from None


def _is_json(command: Command, text: str) -> bool:
    if text not in ("table", "json"):
        raise BadInput(f"-o: {shorten(text)} is not usable, write table or json")
    if command.only_json and text != "json":
        raise BadInput(f"-o: {command.spelled} prints JSON alone, write json or leave it out")
    return text == "json"


def _timeout(text: str) -> float:
    try:
        return whole_number(0, 86400, "seconds")(text)
    except BadInput as error:
        raise BadInput(f"-timeout: {error}") from None
