# -*- test-case-name: tests.unit.cli.commands.test_status,tests.unit.whole.test_restored -*-
"""``trust-etcd``: the operator's decision that the agents may believe the history that etcd has now."""

from __future__ import annotations

from collections.abc import Mapping

from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.confirmed import confirm
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import doubts, snapshot
from daprdockr.model.seams import Store
from daprdockr.model.stored.doubts import DoubtRecord, encode_trust
from daprdockr.picture.doubts import Outcome, doubt_row, outcome


def trust_etcd(request: Request, store: Store, console: Console) -> None:
    """:raises NotConfirmed: nothing was changed."""
    found = doubts(request, store)
    cluster = snapshot(request, store)
    outcomes = {node: outcome(cluster, node, record) for node, record in found.items()}
    if request.json:
        console.print_json([doubt_row(node, found[node], outcomes[node]) for node in sorted(found)])
    else:
        _show(found, outcomes, console)
    if not found:
        return
    confirm(
        request,
        console,
        "Set what is missing again first, or type yes to go on without it: ",
        "set what is missing again, or add -yes to go on without it",
    )
    store.put(request.keys.trust, encode_trust(record.number for record in found.values()))
    for node in sorted(found):
        announce(request, store, "is to go on with the etcd that it doubts", node)
    if not request.json:
        console.say(f"{', '.join(sorted(found))}: they go on with this etcd within a minute")


def _show(found: Mapping[str, DoubtRecord], outcomes: Mapping[str, Outcome], console: Console) -> None:
    if not found:
        console.say("no agent that runs doubts this etcd")
        return
    for node, record in sorted(found.items()):
        effect = outcomes[node]
        console.say(f"{node} doubts this etcd: {record.reason}")
        for name, reason in effect.removed.items():
            console.say(f"{node} would remove {name}: {reason}")
        for name, reason in effect.replaced.items():
            console.say(f"{node} would replace {name}: {reason}")
        if effect.kept:
            console.say(f"{node} would keep {len(effect.kept)} others as they are")
        if effect.left_alone:
            console.say(f"{node} would leave {len(effect.left_alone)} alone, which are of another etcd")
        if record.unlisted:
            console.say(f"{node} runs {record.unlisted} more containers, which are not listed here")


COMMAND = Command(
    name="trust-etcd",
    usage=(("trust-etcd", "show what agents that do not believe etcd would stop, and let them go on with it"),),
    run=trust_etcd,
    flags=("yes", "o"),
    reference=(
        "show what agents that doubt etcd would stop, and let them go on with it; see ``docs/reference/failures.rst``",
    ),
)
