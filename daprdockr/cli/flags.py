# -*- test-case-name: tests.unit.cli.test_parse,tests.unit.cli.test_command -*-
"""The flags of the command line: each once, whichever commands take it."""

from __future__ import annotations

from attrs import frozen

from daprdockr.arguments.access import ETCD_PARAMETERS
from daprdockr.arguments.local_reads import STATE, STATE_DIR
from daprdockr.arguments.parameter import Parameter
from daprdockr.model.stored.keys import Keys


@frozen
class Flag:
    """
    One flag, without its dash.

    :ivar value: the placeholder of its value; "" for a flag that takes none.
    :ivar about: one line for the help, in which ``{commands}`` becomes the names of the commands that take it.
    :ivar reference: the same for the reference page, where that differs.
    """

    name: str
    value: str
    about: str
    reference: str = ""

    @property
    def usage(self) -> str:
        return f"-{self.name} {self.value}".rstrip()


def _about(row: Parameter) -> str:
    notes = [f"env {row.variable}"] if row.variable else []
    notes += [f"default {row.default}"] if row.default else []
    return row.help.replace("--", "-") + (f" ({'; '.join(notes)})" if notes else "")


CHANGES = (
    Flag("image", "IMAGE", "image to run", "``Container.Image``"),
    Flag("instances", "N", "how many instances", "``Instances``"),
    Flag(
        "cmd",
        "WORDS",
        "command, split as a shell does; '' for the image's own",
        "``Container.Cmd``, split as a shell does; ``''`` for the image's own",
    ),
    Flag(
        "http-host",
        "NAMES",
        "HTTP host names that lead to the service, separated by commas",
        "``Http.HostName``: host names, separated by commas",
    ),
    Flag("http-port", "PORT", "container port that they lead to", "``Http.ContainerPort``"),
)
"""The flags that change a definition."""

EVERYWHERE = (
    Flag("v", "", "on an error print the traceback too", "print the traceback of an error too"),
    Flag(
        "help",
        "",
        "print this and exit",
        "print one page, or the help of the command that is given, and exit; -h for short",
    ),
    Flag("version", "", "print the version and exit"),
)

OF_COMMANDS = (
    Flag(
        "f",
        "FILE",
        "definitions in JSON or YAML, or a Compose file: a file, a directory, or - for stdin; several -f are read"
        " together",
        "definitions in JSON or YAML for {commands}: a file, which may have many (a list, or documents divided by"
        " ``---``), a directory, of which ``*.json``, ``*.yaml`` and ``*.yml`` are read, or ``-`` for stdin; several"
        " ``-f`` are read together",
    ),
    Flag(
        "profile",
        "NAMES",
        "take the services of these profiles of a Compose file too, separated by commas",
        "take the services of Compose files too that have one of these profiles, separated by commas; ``*`` is all",
    ),
    Flag(
        "incomplete",
        "",
        "take a Compose file though its services would mean something else here",
        "let {commands} take a Compose file though it has keys that are not carried over, and without which its"
        " services mean something else",
    ),
    Flag(
        "group",
        "GROUP",
        "the group of the definitions, in place of the project's name",
        "the group of the definitions that {commands} prints, in place of the name of the Compose project",
    ),
    Flag(
        "prune",
        "GROUP",
        "delete the services of the group that the files do not define",
        "delete the services of that group that the files do not define; at least one has to be of it",
    ),
    Flag(
        "check",
        "REVISION",
        "apply only what plan showed with this revision",
        "let ``apply`` store nothing unless files and stored definitions are those that ``plan`` showed with this check"
        " revision",
    ),
    Flag("o", "table|json", "the form of the output of {commands}", "``table`` or ``json``, for {commands}"),
    Flag(
        "wait",
        "",
        "wait until instances are as they are wanted, or have left a drained node",
        "let ``drain`` print its progress, and end when nothing is left that might leave; let ``apply`` end when all"
        " services in the files are healthy, and fail if a rollout does not end well, or somebody else changes one"
        " meanwhile",
    ),
    Flag(
        "follow",
        "",
        "go on with what comes, from new instances too; -f for short",
        "let ``logs`` go on with the lines that come, also from instances that are new or moved, and ``events`` with"
        " those that come; ``-f`` for short",
    ),
    Flag(
        "interactive",
        "",
        "pass stdin on to the command; -i for short",
        "pass stdin on to the command of ``exec``; -i for short",
    ),
    Flag(
        "tty", "", "give the command a terminal; -t for short", "give the command of ``exec`` a terminal; -t for short"
    ),
    Flag("tail", "N", "only the last N lines of each instance"),
    Flag(
        "since",
        "TIME",
        "only what is since TIME: an age such as 10m or 1h30m, or 2026-11-28T10:00:00Z",
        "only lines of ``logs``, and ``events``, that are not older: an age such as ``90s``, ``10m`` or ``1h30m``, or a"
        " time such as ``2026-11-28T10:00:00Z``",
    ),
    Flag(
        "grep",
        "TEXT",
        "only lines with TEXT in them; the nodes search",
        "only lines that have TEXT in them, as it stands: it is no pattern. The nodes search, so what is left out costs"
        " no network",
    ),
    Flag(
        "maintenance",
        "",
        "answer requests for a paused service at once, with FILE (- is stdin) or a plain page",
        "let ``pause`` have each request answered with 503 at once, and with the page in FILE, at most 64 KiB of text"
        " or HTML; ``-`` is stdin. Without FILE a plain page says that the service is under maintenance",
    ),
    Flag(
        "token-file",
        "FILE",
        "a file with the token, or with the whole line, in place of TOKEN",
        "let ``join`` read the token from a file, in which the whole line of ``init`` or ``invite`` may stand too",
    ),
    Flag(
        "client",
        "",
        "join without a member of etcd, as a client of the others",
        "let ``join`` give the host no member of etcd, now or later: it then needs no program etcd, may be behind a"
        " router that translates addresses, and takes the place of no member that is lost",
    ),
    Flag(
        "snapshot",
        "FILE",
        "save all of etcd in FILE, for etcdctl snapshot restore",
        "let ``backup`` save all that etcd has in FILE, whole and checked or not at all, for ``etcdctl snapshot"
        " restore``; a file of that name is replaced",
    ),
    Flag(
        "node",
        "NODES",
        "send to these nodes alone, separated by commas",
        "push to these nodes alone, separated by commas; ``-node`` may be given several times",
    ),
    Flag("yes", "", "let {commands} go on without asking"),
    Flag(
        "timeout",
        "SECONDS",
        "how many seconds {commands} may wait (default 60)",
        "seconds that {commands} may wait, ``apply`` without ``-wait`` for what ``After`` names; 60 by default",
    ),
)

REACH = (
    *(Flag(row.name, row.value, _about(row), f"as ``--{row.name}`` of the agent") for row in ETCD_PARAMETERS),
    Flag(
        "state-dir",
        "DIR",
        "state directory of the agent here, whose cluster is meant when -etcd is absent"
        f" (env {STATE}; default {STATE_DIR})",
        "as ``--state-dir`` of the agent: where neither ``-etcd`` nor ``ETCD_HOSTS`` is given, the cluster is meant"
        " that ``init`` or ``join`` made this host a part of",
    ),
    Flag("prefix", "KEY", f"root of the keys (default {Keys().prefix})", "as ``--prefix`` of the agent"),
)
"""The flags for the connection to etcd, and for the prefix of all keys."""

SERVICE = Flag("svc", "SERVICE", "the service, <service>.<group>", "the service, ``<service>.<group>``")
STDIN = Flag("stdin", "", "read a definition from stdin")
ALL = (SERVICE, STDIN, *CHANGES, *EVERYWHERE, *OF_COMMANDS, *REACH)


def names(flags: tuple[Flag, ...]) -> tuple[str, ...]:
    return tuple(flag.name for flag in flags)
