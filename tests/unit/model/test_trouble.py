"""Conditions of a part of an agent: one line for people, a type and fields for programs."""

from __future__ import annotations

import json
from typing import get_args

from attrs import asdict
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.trouble import Trouble, line
from daprdockr.model.troubles.component import Component
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

DOUBTED = EtcdDoubted("it went back")

# The lines that /healthz has had for as long as there is one: people search logs and wikis for them.
LINES: dict[Trouble, str] = {
    EtcdNotReached(): "etcd was not reached yet",
    DOUBTED: "frozen: it went back (daprdockrcmd trust-etcd shows what to do)",
    EtcdLost("no answer"): "no answer",
    EtcdLost("no answer", DOUBTED): "frozen: it went back (daprdockrcmd trust-etcd shows what to do); no answer",
    EtcdDown("exit status 1"): "the etcd of this host does not run: exit status 1",
    WritesRefused("NOSPACE"): "cannot write: NOSPACE",
    WritesRefused("denied", ("/a", "/b")): "cannot write /a /b: denied",
    NoBeatYet(): "etcd has not answered yet",
    BeatFailed("etcd did not answer"): "etcd did not answer",
    NameHeld("/n/a"): "/n/a is held by another agent of this name, or for some seconds by a former one",
    LeaseUnproven(): "another machine held this node's lease and may go on: wait for a beat",
    AddressContested("10.0.0.1 is the address of node b"): "10.0.0.1 is the address of node b",
    EngineNotReached(): "the Docker Engine was not reached yet",
    EngineLost("the Engine hung up"): "the Engine hung up",
    EngineHangs("the Engine hangs"): "the Engine hangs",
    GuardDown(): "the guard of containers with OnPartition stop does not run: see guard/output.log in --state-dir",
    OrdersUnwritten("no space"): "the orders of the guard cannot be written: no space",
    StateUnwritten("no space"): "the last known state cannot be kept in --state-dir: no space",
    ThreadsBusy("docker", 8, 3, 3.4): "all 8 docker threads are busy: 3 calls wait, the oldest for 3 s",
    ThreadsRefused("docker", 3, 3.4): (
        "no thread can be started, and 3 docker calls wait, the oldest for 3 s: raise TasksMax of the agent's unit, or"
        " end other processes"
    ),
    NginxNotStarted(): "nginx was not started yet",
    NginxUnusable("nginx is not there"): "nginx is not there",
    NginxDown("exit status 1"): "nginx does not run: exit status 1",
    FilesUnwritable("/var/lib/x", "no space"): "files in /var/lib/x cannot be written: no space",
    RoutesNotServed("nginx refused the configuration: no"): "nginx refused the configuration: no",
    RelayDown("exit status 1"): "the relay of TCP and UDP routes does not run: exit status 1",
    PortsNotServed("the relay did not take the routes: no answer"): "the relay did not take the routes: no answer",
    DnsNotServed(("192.0.2.2:53", "[fd00::2]:53"), "Address already in use"): (
        "DNS is not served at 192.0.2.2:53, [fd00::2]:53 (Address already in use): if another program listens there"
        " (ss -lntup says which), end it; or name other addresses with --dns"
    ),
}


class LineTests(SynchronousTestCase):
    """For people."""

    def test_each(self) -> None:
        """Each is one line, in the words it always had."""
        self.assertEqual({trouble: line(trouble) for trouble in LINES}, LINES)
        self.assertEqual(line(None), "")

    def test_complete(self) -> None:
        """There is none without a line here."""
        self.assertEqual({type(trouble) for trouble in LINES}, set(get_args(Trouble)))


class ValueTests(SynchronousTestCase):
    """For programs."""

    def test_json(self) -> None:
        """Each says what of the agent is troubled, and its fields can be written as JSON."""
        for trouble in LINES:
            self.assertIsInstance(trouble.component, Component)
            self.assertIsInstance(json.dumps(asdict(trouble)), str)

    def test_equal(self) -> None:
        """Two of one type and with equal fields are the same trouble; two of other types are not, whatever they say."""
        self.assertEqual(EngineLost("r"), EngineLost("r"))
        self.assertNotEqual(EngineLost("r"), EngineHangs("r"))
