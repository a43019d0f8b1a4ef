"""``apply``: definitions from files are put in force, each after those that it waits for."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from attrs import define, evolve, field

from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.commands.plan import said
from daprdockr.cli.commands.wait import Waiting, awaited
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import Definitions
from daprdockr.cli.intended import intended, needs_files
from daprdockr.cli.request import Request
from daprdockr.cli.stored import as_restarted, readable
from daprdockr.model.errors import DaprdockrError, NotFound
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Entry
from daprdockr.model.wanted.definition import Definition
from daprdockr.picture.intent import ChangeKind, Intent, check_revision, taken_lines

_MOST_NAMED = 10


class NotAsPlanned(DaprdockrError):
    """Files or stored definitions are not those of the plan that was insisted on."""


def apply(request: Request, store: Store, console: Console) -> None:
    """
    :raises BadInput: a definition cannot be used, so nothing is stored; all that cannot are reported.
    :raises NotAsPlanned: something was changed since the plan.
    :raises TimedOut, RolloutStopped: a service that others, or the request, wait for did not become healthy.
    :raises Superseded: somebody stored another definition of it meanwhile.
    """
    intents, cluster = intended(request, store, console)
    if request.expected and request.expected != check_revision(intents):
        raise NotAsPlanned(f"this is not what the plan with {request.expected} showed: nothing is stored, plan again")
    for line in taken_lines(intents, cluster):
        console.complain(line)
    todo = [one for one in intents if one.action is not ChangeKind.NOTHING]
    given = {one.name: one.wanted for one in intents if one.wanted is not None}
    applying = Applying(request, store, console, time.monotonic() + request.timeout, given)
    try:
        for one in todo:
            applying.carry_out(one)
        if request.wait:
            applying.await_all(intents)
    except BaseException:
        applying.say_what_is_left(todo)
        raise
    finally:
        if request.json:
            console.print_json(applying.rows)
    if not request.json:
        same = len(intents) - len(todo)
        console.say(f"{len(todo)} applied, {same} as given already")


@define(eq=False)
class Applying:
    """
    The intents that were carried out.

    :ivar deadline: when to give up waiting, in monotonic seconds.
    :ivar given: the services in the files, changed or not: one that was stored by an ``apply`` that was interrupted is
        not changed any more.
    """

    request: Request
    store: Store
    console: Console
    deadline: float
    given: Mapping[ServiceName, Definition]
    done: list[Intent] = field(factory=list)
    _well: set[ServiceName] = field(factory=set)

    @property
    def rows(self) -> list[dict[str, str]]:
        return [{"Service": str(one.name), "Action": one.action.value} for one in self.done]

    def carry_out(self, intent: Intent) -> None:
        wanted = intent.wanted
        for name in wanted.after if wanted is not None else ():
            if name in self.given and self.given[name].schedule is None:
                if any(one.name == name for one in self.done) and not self.request.json:
                    self.console.say(f"{intent.name} waits until {name} is healthy")
                self._await(name)
        if wanted is None:
            self._delete(intent)
        else:
            self._put(intent, wanted.stated)
        self.done.append(intent)
        if not self.request.json:
            for line in said(intent):
                self.console.say(line)

    def await_all(self, intents: Sequence[Intent]) -> None:
        """Wait until all services in the files are healthy; in the order in which they are stored."""
        for one in intents:
            if one.wanted is not None:
                self._await(one.name)

    def say_what_is_left(self, todo: list[Intent]) -> None:
        """Complain about the services that were not reached."""
        left = [str(one.name) for one in todo if one not in self.done]
        if not left:
            return
        more = [f"{len(left) - _MOST_NAMED} more"] if len(left) > _MOST_NAMED else []
        self.console.complain(f"not applied: {', '.join(left[:_MOST_NAMED] + more)}")

    def _put(self, intent: Intent, wanted: Definition) -> None:
        before = intent.before.restarted if intent.before is not None else ""
        # Somebody may have restarted the service since, while this waited for those of its After.
        given = evolve(wanted, restarted="") if wanted.restarted == before else wanted

        def decide(entry: Entry | None) -> Definition:
            stored = readable(entry, intent.name)
            now = as_restarted(given, stored)
            if stored != now:  # otherwise the answer to our write was lost
                self._insist(intent, entry)
            return now

        Definitions(self.request, self.store, time.time).put(intent.name, decide, "apply")

    def _delete(self, intent: Intent) -> None:
        with suppress(NotFound):
            Definitions(self.request, self.store, time.time).delete(intent.name, partial(self._insist, intent))
            announce(self.request, self.store, "deleted by apply", str(intent.name))

    def _insist(self, intent: Intent, entry: Entry | None) -> None:
        """:raises NotAsPlanned: the service was changed since the plan, and the plan was insisted on."""
        if self.request.expected and intent.revision != (entry.mod_revision if entry is not None else 0):
            raise NotAsPlanned(f"{intent.name} was changed meanwhile: plan again")

    def _await(self, name: ServiceName) -> None:
        """Wait until a service in the files is healthy; a job never has to be."""
        if name in self._well:
            return
        say = (lambda line: None) if self.request.json else self.console.say
        request = evolve(self.request, service=name)
        clock, given = time.monotonic, self.given[name]
        waiting = Waiting(request, self.store, clock, time.sleep, say, given, deadline=self.deadline)
        waiting.finish()
        say(awaited(waiting.cluster.services[name].definition))
        self._well.add(name)


COMMAND = Command(
    name="apply",
    usage=(("apply -f FILE", "put the definitions in files in force"),),
    run=apply,
    flags=("f", "profile", "incomplete", "prune", "check", "wait", "timeout", "o"),
    check=needs_files,
    reference=(
        "put the definitions in the files in force, and print what it did with each service. Nothing is stored unless"
        " all of them can be used. A service is stored after those of its ``After``, once these are healthy, if they"
        " are in the files too. On stderr it names the ports and host names that a service will lack, because an older"
        " one has them. With ``-wait`` it ends when all of them are healthy; it does not wait for the runs of a job",
    ),
)
