"""``job``: jobs and their runs, and a run now."""

from __future__ import annotations

import time

from daprdockr.cli.action_words import ActionWords, check_action
from daprdockr.cli.announce import announce
from daprdockr.cli.asked_run import AskedRun
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.outcome import CommandStatus
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import show, snapshot
from daprdockr.model.errors import BadInput, DaprdockrError, NotFound
from daprdockr.model.names import ServiceName, shorten
from daprdockr.model.seams import Store
from daprdockr.model.stored.run import MOST_ARGUMENTS, RunState
from daprdockr.picture.runs import job_table, run_row, run_table

_JOB = "the name of a job, <service>.<group>"
_WORDS = {
    "ls": ActionWords(),
    "run": ActionWords(_JOB, 1, 1 + MOST_ARGUMENTS, "a command has no more arguments"),
    "history": ActionWords(_JOB, 1, 1),
    "logs": ActionWords(f"{_JOB}, and the number of a run that job history shows; without one, of its last run", 1, 2),
}


_ENDED = {RunState.FAILED: "failed", RunState.MISSED: "was not begun"}


class RunNotDone(DaprdockrError):
    """A run ended without an exit status."""


def job(request: Request, store: Store, console: Console) -> None:
    """
    :raises NotFound: there is no such job, or no such run.
    :raises BadInput: it is no job.
    :raises RunNotDone, CommandStatus: a run did not end well.
    """
    action, *words = request.words
    if action == "ls":
        show(request, console, job_table(snapshot(request, store), time.time()))
        return
    runs = AskedRun(request, store, ServiceName.parse(words[0]))
    runs.check(to_run=action == "run")
    if action == "run":
        _run(runs, tuple(words[1:]), console)
    elif action == "history":
        show(request, console, run_table(runs.known()))
    else:
        _logs(runs, int(words[1]) if len(words) > 1 else None, console)


def _run(runs: AskedRun, arguments: tuple[str, ...], console: Console) -> None:
    number = runs.ask(arguments)
    announce(runs.request, runs.store, f"run {number} was asked for", str(runs.service))
    run = runs.ended(number)
    lines, record = runs.lines(number), run.record
    if runs.request.json:
        console.print_json({**run_row(run), "Lines": list(lines)})
    else:
        for line in lines:
            console.say(line)
    if record.state is RunState.DONE:
        return
    text = f"run {number} of {runs.service} {_ENDED.get(record.state, 'is lost')}"
    if record.status <= 0:
        raise RunNotDone(f"{text}: {record.reason}")
    console.complain(f"{text} on {record.node}: {record.reason}")
    raise CommandStatus(record.status)


def _logs(runs: AskedRun, number: int | None, console: Console) -> None:
    known = {one: run for one, run in runs.known().items() if run.record.is_run}
    if number is None and not known:
        raise NotFound(f"{runs.service} had no run yet: daprdockrcmd job ls says when it is due")
    number = max(known) if number is None else number
    if number not in known:
        raise NotFound(f"run {number} of {runs.service} is not remembered: daprdockrcmd job history {runs.service}")
    lines, record = runs.lines(number), known[number].record
    if record.under_way:
        until = f"its last lines are kept then, and docker logs on {record.node} shows what it logs meanwhile"
        console.complain(f"run {number} of {runs.service} has not ended: {until}")
    if runs.request.json:
        console.print_json(list(lines))
        return
    for line in lines:
        console.say(line)


def _check(request: Request) -> None:
    check_action(request, _WORDS)
    action, *words = request.words
    if words:
        ServiceName.parse(words[0])
    for number in words[1:] if action == "logs" else ():
        if not (number.isascii() and number.isdigit() and len(number) <= 18):
            raise BadInput(f"run {shorten(number)} is not usable: write a number that job history shows")


COMMAND = Command(
    name="job",
    usage=(
        ("job ls", "jobs: when each is due, and how its last run ended"),
        ("job run SERVICE [-- ARGS ...]", "run a job now, wait for its end, and exit with its status"),
        ("job history SERVICE", "the last twenty runs of a job, or of a command before rollouts"),
        ("job logs SERVICE [RUN]", "the last lines that a run logged, or the last run"),
    ),
    run=job,
    flags=("o",),
    word="ACTION ...",
    choices=tuple(_WORDS),
    kinds={**dict.fromkeys(("run", "history"), ("jobs",)), "logs": ("jobs", "runs")},
    check=_check,
    reference=(
        "the jobs: when each is due, the number, state and node of its last run, and why that did not end well",
        "ask for a run of a job now, wait until a node has carried it out, print the last lines that it logged, and"
        " exit with its status; with 1 if it has none. The arguments take the place of ``Cmd``. It waits"
        " for one that is under way, unless they may overlap. The run goes on when this command is interrupted",
        "the last twenty runs: when each was due, or who asked for it, its node, start, end and exit status, and why"
        " it did not end well. Several that were missed together are one line",
        "print the last lines that a run logged, twenty at most; without a number, those of the last run",
    ),
)
