# -*- test-case-name: tests.unit.cli.commands.test_pause -*-
"""
``resume``: the end of a pause, of a service's HTTP requests or of a rollout that waits for a person; and the end of the
report of one that was reverted.

Note [Stopped again, too late]
    Several nodes may see that a rollout failed, and the request of one of them may arrive when another one's was first,
    and a person has resumed the rollout since: again there is no record, as when that request was made. So ``resume``
    writes the definition once more, as it is: each request to stop a rollout compares the definition's mod revision.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from daprdockr.cli.absent import NoSuchService
from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import author
from daprdockr.cli.request import Request
from daprdockr.cli.stored import Transaction, change, decoded, unchanged
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Delete, Entry, Put
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState


def resume(request: Request, store: Store, console: Console) -> None:
    """:raises NotFound: there is neither such a service nor a pause of it."""
    service = request.service
    assert service is not None
    key = request.keys.pause(service)
    was_paused = store.get(key) is not None
    if was_paused:
        store.commit([], [Delete(key)])
        announce(request, store, f"resumed by {author(request)}")
    elif store.get(request.keys.service(service)) is None:
        raise NoSuchService(service)
    goes_on = _go_on(request, store, service)
    if goes_on:
        announce(request, store, f"rollout resumed by {author(request)}")
    was_reverted = _acknowledge(request, store, service)
    if was_reverted:
        announce(request, store, f"the reverted rollout was acknowledged by {author(request)}")
    if request.json:
        paused = {"Paused": None, "WasPaused": was_paused, "RolloutGoesOn": goes_on, "Acknowledged": was_reverted}
        console.print_json({"Service": str(service), **paused})
        return
    for line in _told(service, was_paused, goes_on, was_reverted):
        console.say(line)


def _told(service: ServiceName, was_paused: bool, goes_on: bool, was_reverted: bool) -> Iterator[str]:
    """Yield what has ended now, for people."""
    if was_paused:
        yield f"{service} gets HTTP requests again"
    if goes_on:
        yield f"the rollout of {service} goes on"
    elif was_reverted:
        yield f"{service} runs as before its reverted rollout, which is not reported any more"
    elif not was_paused:
        yield f"{service} is not paused"


def _go_on(request: Request, store: Store, service: ServiceName) -> bool:
    """Let a rollout go on; return whether one waited for a person. See Note [Stopped again, too late]."""
    rollout, waited = request.keys.rollout(service), False

    def transaction(record: Entry | None) -> Transaction | None:
        nonlocal waited
        stopped = decoded(record, RolloutRecord.decode)
        if record is None or stopped is None or stopped.state is RolloutState.REVERTED:
            return None
        waited = True
        known = [entry for entry in [store.get(request.keys.service(service))] if entry is not None]
        conditions = [unchanged(one.key, one) for one in (record, *known)]
        return conditions, [Delete(rollout), *(Put(one.key, one.value, one.lease) for one in known)]

    change(store, rollout, transaction)
    return waited


def _acknowledge(request: Request, store: Store, service: ServiceName) -> bool:
    """Take note of a rollout that was reverted; return whether there was one of which nobody had."""
    key, was_reverted = request.keys.rollout(service), False

    def transaction(entry: Entry | None) -> Transaction | None:
        nonlocal was_reverted
        record = decoded(entry, RolloutRecord.decode)
        if record is None or record.state is not RolloutState.REVERTED or record.acknowledged:
            return None
        was_reverted = True
        return [unchanged(key, entry)], [Put(key, evolve(record, acknowledged=True).encode())]

    change(store, key, transaction)
    return was_reverted


COMMAND = Command(
    name="resume",
    usage=(("resume SERVICE", "end a pause of requests or of a rollout, or the report of a revert"),),
    run=resume,
    flags=("o",),
    word="SERVICE",
    reference=(
        "end a pause or maintenance: requests that wait go on at once; a rollout that is paused or has failed goes on; "
        "one that was reverted is not reported any more",
    ),
)
