"""
Any trouble that a part of an agent may have: people read it as one line, programs by its type and fields.

A part has a ``condition``, which is one of these, or None while nothing is wrong.
"""

from __future__ import annotations

from daprdockr.model.troubles.dns import DnsNotServed
from daprdockr.model.troubles.etcd import EtcdDoubted, EtcdDown, EtcdLost, EtcdNotReached, WritesRefused
from daprdockr.model.troubles.host import (
    EngineHangs,
    EngineLost,
    EngineNotReached,
    GuardDown,
    OrdersUnwritten,
    StateUnwritten,
    ThreadsBusy,
    ThreadsRefused,
)
from daprdockr.model.troubles.http import FilesUnwritable, NginxDown, NginxNotStarted, NginxUnusable, RoutesNotServed
from daprdockr.model.troubles.membership import AddressContested, BeatFailed, LeaseUnproven, NameHeld, NoBeatYet
from daprdockr.model.troubles.ports import PortsNotServed, RelayDown

Trouble = (
    EtcdNotReached
    | EtcdDoubted
    | EtcdLost
    | EtcdDown
    | WritesRefused
    | NoBeatYet
    | BeatFailed
    | NameHeld
    | LeaseUnproven
    | AddressContested
    | EngineNotReached
    | EngineLost
    | EngineHangs
    | GuardDown
    | OrdersUnwritten
    | StateUnwritten
    | ThreadsBusy
    | ThreadsRefused
    | NginxNotStarted
    | NginxUnusable
    | NginxDown
    | FilesUnwritable
    | RoutesNotServed
    | RelayDown
    | PortsNotServed
    | DnsNotServed
)


def line(condition: Trouble | None) -> str:
    """Return one line for people, or "" if nothing is wrong."""
    return "" if condition is None else str(condition)
