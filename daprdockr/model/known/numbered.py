# -*- test-case-name: tests.unit.model.known.test_activity -*-
"""Values by service and number: no inner dictionary is empty."""

from __future__ import annotations

from typing import TypeVar

from daprdockr.model.names import ServiceName

T = TypeVar("T")

Numbered = dict[ServiceName, dict[int, T]]


def put(table: Numbered[T], service: ServiceName, number: int, value: T | None) -> T | None:
    """Set a value, or with None remove it; return the one before."""
    of_service = table.setdefault(service, {})
    before = of_service.pop(number, None)
    if value is not None:
        of_service[number] = value
    if not of_service:
        del table[service]
    return before
