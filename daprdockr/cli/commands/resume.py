# -*- test-case-name: tests.unit.cli.commands.test_pause -*-
"""``resume``: the end of a pause."""

from __future__ import annotations

from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import author
from daprdockr.cli.request import Request
from daprdockr.cli.stored import absent
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Delete


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
        raise absent(service)
    if request.json:
        console.print_json({"Service": str(service), "Paused": None, "WasPaused": was_paused})
    else:
        console.say(f"{service} gets HTTP requests again" if was_paused else f"{service} is not paused")


COMMAND = Command(
    name="resume",
    usage=(("resume SERVICE", "end a pause: requests that wait go on at once"),),
    run=resume,
    flags=("o",),
    word="SERVICE",
    reference=("end a pause or maintenance: requests that wait go on at once",),
)
