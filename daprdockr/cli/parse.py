"""
From the words of a command line and the environment to a request. Reads no more than the files that say how to reach
etcd, and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from daprdockr.arguments.access import ETCD_PARAMETERS, access_of_host, read_access
from daprdockr.arguments.local_reads import SOCKET
from daprdockr.arguments.parameter import absolute_path, whole_number
from daprdockr.cli.command import ACTIONS, WORDS, Command, load
from daprdockr.cli.flags import CHANGES, REACH, names
from daprdockr.cli.request import Request
from daprdockr.cli.splitting import split_words
from daprdockr.etcd.address import Access
from daprdockr.model.errors import BadInput
from daprdockr.model.names import MAX_INSTANCES, MOST_TAIL, InstanceName, ServiceName, check_label, shorten
from daprdockr.model.stored.keys import Keys

_OWN_WORDS = (
    *("ACTION", "FILE", "IMAGE", "INSTANCE --", "KIND", "LOCAL:", "SERVICE|GROUP", "TOKEN"),
    "[INSTANCE|SERVICE|NODE|IMAGE]",
)
"""How the words of a command begin that reads them itself."""
STATE = "DAPRDOCKR_STATE_DIR"
"""The variable that names the state directory of this machine's agent."""
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
    command, others = load(name), split.others[1:]
    _check_flags(command, (*sorted(switches - {"v", "version"}), *values))
    state = values.get("state-dir") or environment.get(STATE, "")
    request = Request(
        command=command.name,
        access=_access(values, environment, state) if command.run else None,
        state_dir=absolute_path(state) if state else Request("").state_dir,
        keys=Keys(values.get("prefix", Keys().prefix)),
        service=_service(command, values, others),
        number=InstanceName.parse(others[0]).number if _names_instance(command, others) else 0,
        revision=_revision(others[1]) if command.word == "SERVICE [REVISION]" and len(others) > 1 else None,
        numbers=_numbers(others) if command.word == "SERVICE=N ..." else {},
        file=others[1] if command.word == "SERVICE [FILE]" and len(others) > 1 else "",
        files=tuple(value for name, value in split.flags if name == "f" and isinstance(value, str)),
        prune=check_label(values["prune"], "group") if "prune" in values else "",
        expected=_expected(values["check"]) if "check" in values else "",
        profiles=_several(split.flags, "profile"),
        group=check_label(values["group"], "group") if "group" in values else "",
        incomplete="incomplete" in switches,
        environment=dict(environment) if command.offline or {"profile", "node"} & set(command.flags) else {},
        words=tuple(others) if command.word.startswith(_OWN_WORDS) else (),
        nodes=_nodes(split.flags),
        node=_node(command, others) if command.word == "NODE" else "",
        shell=_shell(command, others) if command.word == "SHELL" else "",
        changes={name: values[name] for name in names(CHANGES) if name in values},
        stdin="stdin" in switches,
        json=_is_json(command, values["o"]) if "o" in values else command.only_json,
        follow="follow" in switches,
        interactive="interactive" in switches,
        tty="tty" in switches,
        tail=_tail(values["tail"]) if "tail" in values else None,
        since=values.get("since", ""),
        grep=values.get("grep", ""),
        maintenance="maintenance" in switches,
        wait="wait" in switches,
        yes="yes" in switches,
        timeout=_timeout(values.get("timeout", "60")),
        verbose="v" in switches,
        host=environment.get("HOST_IP", ""),
        local=f"{state}/{SOCKET}" if state else "",
        client="client" in switches,
        token_file=values.get("token-file", ""),
        snapshot=Path(values["snapshot"]) if "snapshot" in values else None,
        user=next(filter(None, map(environment.get, _USERS)), ""),
    )
    command.check(request)
    return request


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
        actions.append(_known_word(others[0]))
    if actions == ["set", "stdin"]:
        return "set"
    if len(actions) > 1:
        first, second = (name if name in WORDS else f"-{name}" for name in actions[:2])
        raise BadInput(f"{first} and {second} cannot be given together: choose one")
    return actions[0] if actions else "get"


def _asked_about(words: Sequence[str]) -> tuple[str, ...]:
    """Return the command of which the help is asked for, and the one of its actions if that is named; or nothing."""
    commands = [word for word in map(_known_word, words[:1]) if word in WORDS]
    actions = [word for name in commands for word in words[1:2] if word in load(name).choices]
    return *commands, *actions


def _known_word(word: str) -> str:
    """Return a command. :raises BadInput: it is none."""
    if word in WORDS or word in ACTIONS:
        return word
    from daprdockr.cli.unknown import unknown

    raise unknown(word)


def _check_flags(command: Command, given: Sequence[str]) -> None:
    taken = {command.name, *command.flags, *names(REACH)}
    for name in given:
        if name not in taken:
            raise BadInput(f"-{name} has no use with {command.spelled}: leave it out")
        if name in command.only_waiting and "wait" not in given:
            raise BadInput(f"-{name} has no use with {command.spelled} unless it waits: add -wait")


def _reach(values: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    given = {row.name: values.get(row.name) or environment.get(row.variable) or row.default for row in ETCD_PARAMETERS}
    return {name: text for name, text in given.items() if text is not None}


def _access(values: Mapping[str, str], environment: Mapping[str, str], state: str) -> Access:
    given = _reach(values, environment)
    own = access_of_host(given, absolute_path(state)) if state else None
    return own or read_access(given)


def _instead(command: Command, word: str) -> str:
    """Return what to type for a file that the command does not take as an argument."""
    form = command.usage[0][0]
    if form.endswith((" < FILE", " > FILE")):
        return f"write {form.removesuffix('FILE')}{word}"
    return f"write -f {word}" if "f" in command.flags else "leave it out"


def _service(command: Command, values: Mapping[str, str], words: Sequence[str]) -> ServiceName | None:
    if command.word in ("NODE", "SHELL", "SERVICE=N ...") or command.word.startswith(_OWN_WORDS):
        return None
    most = {"": 0, "SERVICE [REVISION]": 2, "SERVICE [FILE]": 2}.get(command.word, 1)
    if len(words) > most:
        raise BadInput(f"{shorten(words[most])} has no use with {command.spelled}: {_instead(command, words[most])}")
    if _names_instance(command, words):
        return InstanceName.parse(words[0]).service
    if not words and "SERVICE" in command.word and not command.word.startswith("["):
        raise BadInput(f"{command.name} needs the name of a service, <service>.<group>: daprdockrcmd status lists them")
    name = values.get("svc", words[0] if words else None)
    return None if name is None else ServiceName.parse(name)


def _names_instance(command: Command, words: Sequence[str]) -> bool:
    return command.word == "INSTANCE|SERVICE" and bool(words) and words[0].count(".") == 2


def _revision(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,17}", text, re.ASCII):
        raise BadInput(f"revision {shorten(text)} is not usable: write a number that daprdockrcmd history shows")
    return int(text)


def _expected(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{12}", text, re.ASCII):
        raise BadInput(f"-check: {shorten(text)} is not usable, write the 12 digits that daprdockrcmd plan shows")
    return text


def _numbers(words: Sequence[str]) -> dict[ServiceName, int]:
    if not words:
        raise BadInput("scale needs a service and its number of instances, as in web.myapp=3")
    found: dict[ServiceName, int] = {}
    for word in words:
        name, equals, number = word.partition("=")
        if not equals:
            raise BadInput(f"{shorten(word)} is not usable: write the number of instances behind it, as in web.myapp=3")
        service = ServiceName.parse(name)
        if service in found:
            raise BadInput(f"{service} is given twice: choose one number of instances")
        try:
            found[service] = whole_number(0, MAX_INSTANCES)(number)
        except BadInput as error:
            raise BadInput(f"{service}: {error}") from None
    return found


def _node(command: Command, words: Sequence[str]) -> str:
    if not words:
        raise BadInput(f"{command.name} needs the name of a node: daprdockrcmd nodes lists them")
    if len(words) > 1:
        raise BadInput(f"{shorten(words[1])} has no use with {command.name}: leave it out")
    return check_label(words[0], "node")


def _shell(command: Command, words: Sequence[str]) -> str:
    known = f"{', '.join(command.choices[:-1])} or {command.choices[-1]}"
    if not words:
        raise BadInput(f"{command.name} needs the name of a shell: {known}")
    if len(words) > 1:
        raise BadInput(f"{shorten(words[1])} has no use with {command.name}: leave it out")
    if words[0] not in command.choices:
        raise BadInput(f"{shorten(words[0])} is not a shell that {command.name} knows: write {known}")
    return words[0]


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
