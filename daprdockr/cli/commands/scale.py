"""``scale``: the numbers of instances of services."""

from __future__ import annotations

from attrs import evolve

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import Definitions
from daprdockr.cli.request import Request
from daprdockr.cli.stored import existing
from daprdockr.cli.storing import storing
from daprdockr.model.errors import BadInput, DaprdockrError, NotFound
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Entry
from daprdockr.model.wanted.definition import Definition


def scale(request: Request, store: Store, console: Console) -> None:
    """
    Scale one service after the other, each by a transaction of its own, once all of them are known to be scalable.

    :raises DaprdockrError: the first that cannot be scaled; the others are reported before, and nothing is stored.
    """
    _check_all(request, store, console)
    with storing(request, store, console) as definitions:
        _scale_all(request, definitions, console)


def _check_all(request: Request, store: Store, console: Console) -> None:
    """:raises DaprdockrError: as ``scale``."""
    failures = list[DaprdockrError]()
    for service in request.numbers:
        entry = store.get(request.keys.service(service))
        try:
            _scalable(entry, service)
        except DaprdockrError as error:
            failures.append(error)
    if failures:
        failures.sort(key=lambda error: isinstance(error, NotFound))
        for failure in failures[1:]:
            console.complain(str(failure))
        raise failures[0]


def _scalable(entry: Entry | None, service: ServiceName) -> Definition:
    definition = existing(entry, service)
    if definition.schedule is not None:
        raise BadInput(f"{service} is a job, which has no instances: leave it out")
    return definition


def _scale_all(request: Request, definitions: Definitions, console: Console) -> None:
    rows = list[dict[str, object]]()
    try:
        for service, number in request.numbers.items():
            before = _scale(definitions, service, number)
            rows.append({"Service": str(service), "Instances": number, "Before": before})
            if not request.json:
                console.say(f"{service}: {number} {_noun(number)}, {before} before")
    finally:  # what was done is said, whatever became of the rest
        if request.json:
            console.print_json(rows)


def _scale(definitions: Definitions, service: ServiceName, number: int) -> int:
    """Return the number of instances that the service had before."""
    before: int | None = None

    def decide(entry: Entry | None) -> Definition:
        nonlocal before
        definition = _scalable(entry, service)
        if before is None or definition.instances != number:  # a lost answer shows as what we want
            before = definition.instances
        return evolve(definition, instances=number)

    definitions.put(service, decide, "scale")
    return number if before is None else before


def _noun(number: int) -> str:
    return "instance" if number == 1 else "instances"


COMMAND = Command(
    name="scale",
    usage=(("scale SERVICE=N ...", "change numbers of instances, of several services at once"),),
    run=scale,
    flags=("o",),
    word="SERVICE=N ...",
    reference=(
        "change the number of instances of each service, from 0 to 10000, and print one line for each; nothing is"
        " changed unless all of them exist",
    ),
)
