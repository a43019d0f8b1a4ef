# -*- test-case-name: tests.unit.cli.commands.test_pause -*-
"""
``resume``: the end of a pause, of a service's HTTP requests or of a rollout that waits for a person.

Note [Stopped again, too late]
    Several nodes may see that a rollout failed, and the request of one of them may arrive when another one's was first,
    and a person has resumed the rollout since: again there is no record, as when that request was made. So ``resume``
    writes the definition once more, as it is: each request to stop a rollout compares the definition's mod revision.
"""

from __future__ import annotations

from contextlib import suppress

from daprdockr.cli.absent import NoSuchService
from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import author
from daprdockr.cli.request import Request
from daprdockr.cli.stored import Transaction, change, unchanged
from daprdockr.model.errors import BadInput
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
    if request.json:
        paused = {"Paused": None, "WasPaused": was_paused, "RolloutGoesOn": goes_on}
        console.print_json({"Service": str(service), **paused})
        return
    if was_paused:
        console.say(f"{service} gets HTTP requests again")
    if goes_on:
        console.say(f"the rollout of {service} goes on")
    elif not was_paused:
        console.say(f"{service} is not paused")


def _go_on(request: Request, store: Store, service: ServiceName) -> bool:
    """Let a rollout go on; return whether one waited for a person. See Note [Stopped again, too late]."""
    rollout, waited = request.keys.rollout(service), False

    def transaction(record: Entry | None) -> Transaction | None:
        nonlocal waited
        if record is None or not _waits(record):
            return None
        waited = True
        known = [entry for entry in [store.get(request.keys.service(service))] if entry is not None]
        conditions = [unchanged(one.key, one) for one in (record, *known)]
        return conditions, [Delete(rollout), *(Put(one.key, one.value, one.lease) for one in known)]

    change(store, rollout, transaction)
    return waited


def _waits(record: Entry) -> bool:
    with suppress(BadInput):
        return RolloutRecord.decode(record.value).state is not RolloutState.REVERTED
    return False


COMMAND = Command(
    name="resume",
    usage=(("resume SERVICE", "end a pause of requests, or of a rollout"),),
    run=resume,
    flags=("o",),
    word="SERVICE",
    reference=(
        "end a pause or maintenance: requests that wait go on at once; a rollout that is paused or has failed goes on",
    ),
)
