# -*- test-case-name: tests.unit.cli.commands.test_apply,tests.unit.picture.test_timeline -*-
"""The extent of a service in words: its instances; or, of a job, which has none, when it runs."""

from __future__ import annotations

from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.schedule import Schedule


def extent(definition: Definition) -> str:
    """Return the words, as in "2 instances" or "a job, once"."""
    return number_of_instances(definition.instances) if definition.schedule is None else a_job(definition.schedule)


def number_of_instances(number: int) -> str:
    return "1 instance" if number == 1 else f"{number} instances"


def a_job(schedule: Schedule) -> str:
    return f"a job, due at {schedule.text}" if schedule.cron else "a job, once"
