# -*- test-case-name: tests.unit.cli.commands.test_init,tests.unit.cli.commands.test_invite -*-
"""``invite``: the line by which other hosts join the cluster of this one, until it is taken back."""

from __future__ import annotations

from daprdockr.cli.action_words import ActionWords, check_action, say_done
from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.invitation import ALL, invitations, invite, take_back
from daprdockr.cli.own_agent import record_of
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import show
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput, NotFound
from daprdockr.model.seams import Store
from daprdockr.picture.invitations import SHOWN, invitation_table

_WORDS = {
    "ls": ActionWords(),
    "rm": ActionWords(f"the id of an invitation, its token, or {ALL}", 1, 1),
}


def invite_others(request: Request, store: Store, console: Console) -> None:
    """:raises BadInput, NotFound: this host cannot admit others, or there is no such invitation."""
    action, *words = request.words or ("",)
    if action == "ls":
        show(request, console, invitation_table(invitations(request, store)))
    elif action == "rm":
        gone = [digest[:SHOWN] for digest in take_back(request, store, words[0])]
        for one in gone:
            announce(request, store, "taken back", f"invitation {one}")
        line = f"taken back: {', '.join(gone)}. Hosts that have joined stay" if gone else "there is no invitation"
        say_done(request, console, line, TakenBack=gone)
    else:
        line = new_line(request, store)
        say_done(request, console, line, Line=line)


def new_line(request: Request, store: Store) -> str:
    """Return the line. :raises BadInput, NotFound: this host cannot admit others."""
    part = ClusterFiles(request.state_dir).part()
    if part is None or not part.is_member:
        raise BadInput("this host has no member of etcd: run this on one that has, daprdockrcmd nodes lists them")
    record = record_of(request, store, part.node)
    if record is None:
        raise NotFound(f"the agent of {part.node} does not report: start it first")
    return invite(request, store, part.node, record)


COMMAND = Command(
    name="invite",
    usage=(
        ("invite", "print the line by which other hosts join the cluster of this one"),
        ("invite ls", "invitations: id, node, when and by whom, never the token"),
        ("invite rm ID|TOKEN|all", "take an invitation back"),
    ),
    run=invite_others,
    flags=("o",),
    word="ACTION ...",
    choices=tuple(_WORDS),
    check=lambda request: check_action(request, _WORDS, otherwise="a new line"),
    reference=(
        "print the line by which other hosts join the cluster; it works for an hour, on a host with a member of etcd",
        "the invitations whose hour is not over: an id, the node that admits hosts by it, when it was made, and by"
        " whom. Nothing prints a token again",
        "take an invitation back, by its id or by the token in its line, or all of them: no host joins by it any more."
        " Those that have joined stay, until ``leave``",
    ),
)
