# -*- test-case-name: tests.unit.cli.commands.test_pause -*-
"""``resume``: the end of a pause, of a service's HTTP requests or of a rollout that waits for a person."""

from __future__ import annotations

from contextlib import suppress

from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import author
from daprdockr.cli.request import Request
from daprdockr.cli.stored import absent, unchanged
from daprdockr.model.errors import BadInput
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Delete, Entry
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState


def resume(request: Request, store: Store, console: Console) -> None:
    """:raises NotFound: there is neither such a service nor a pause of it."""
    service = request.service
    assert service is not None
    key, rollout = request.keys.pause(service), _stopped_rollout(request, store)
    was_paused = store.get(key) is not None
    if was_paused:
        store.commit([], [Delete(key)])
        announce(request, store, f"resumed by {author(request)}")
    elif store.get(request.keys.service(service)) is None:
        raise absent(service)
    goes_on = rollout is not None and store.commit([unchanged(rollout.key, rollout)], [Delete(rollout.key)]).succeeded
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


def _stopped_rollout(request: Request, store: Store) -> Entry | None:
    """Return the record of a rollout that waits for a person."""
    assert request.service is not None
    entry = store.get(request.keys.rollout(request.service))
    with suppress(BadInput):
        if entry is not None and RolloutRecord.decode(entry.value).state is not RolloutState.REVERTED:
            return entry
    return None


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
