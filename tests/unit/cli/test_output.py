"""The output of the commands that read, to the byte: people pipe it, and programs read it."""

from __future__ import annotations

import io

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.console import Console
from daprdockr.model.host import Port
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.doubts import DoubtRecord
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.node import NodeRecord
from tests.build.command_line import RUNNING as IN_SHORT
from tests.build.command_line import demo
from tests.build.values import KEYS
from tests.fakes.command_line import LentStore, Outcome, command_line

# ruff: noqa: E501  tables are as wide as they are
WEB = demo("demo.test,www.demo.test")
RUNNING = evolve(IN_SHORT, ports=(Port(8080, "tcp", 32768), Port(53, "udp", 32769)), definition=WEB.digest)

STATUS = """\
n1 is frozen, it doubts this etcd: revision 9 was seen (daprdockrcmd trust-etcd shows what to do)
nodes: 3
SERVICE     WANTED   RUNNING   HEALTHY   CURRENT   HTTP                      REASON
web.myapp   3        1         1         1         demo.test,www.demo.test   exit code 1; 1 of 3 waits for a node
nothing starts on n2: it has just begun, or its Docker Engine does not answer
nothing starts on n3: no space
not usable: /daprdockr/services/myapp/bad: Name is missing
"""

STATUS_JSON = """\
{
  "Nodes": 3,
  "Services": [
    {
      "Service": "web.myapp",
      "Wanted": 3,
      "Schedule": null,
      "LastRun": null,
      "Running": 1,
      "Healthy": 1,
      "Current": 1,
      "HostNames": [
        "demo.test",
        "www.demo.test"
      ],
      "Rollout": null,
      "Paused": null,
      "Taken": [],
      "Reason": "exit code 1; 1 of 3 waits for a node"
    }
  ],
  "Broken": [
    {
      "Key": "/daprdockr/services/myapp/bad",
      "Reason": "Name is missing"
    }
  ],
  "Dark": {
    "n2": "it has just begun, or its Docker Engine does not answer",
    "n3": "no space"
  },
  "Ailing": {},
  "Certificates": {},
  "Refused": "",
  "Doubts": {
    "n1": "revision 9 was seen"
  },
  "Etcd": null
}
"""

PS = """\
INSTANCE      NODE   STATE         HEALTHY   PORTS                           STARTED                REASON
1.web.myapp   n1     running       yes       32768->8080/tcp,32769->53/udp   2023-11-14 22:13:20Z   -
2.web.myapp   n2     backing-off   no        -                               -                      exit code 1
3.web.myapp   -      waiting       no        -                               -                      no node has claimed it
1.db.other    n2     withdrawn     no        32768->8080/tcp,32769->53/udp   2023-11-14 22:13:20Z   db.other is deleted
"""

NODES = """\
NODE   READY   ADDRESSES               INSTANCES   CORDONED   ETCD   LABELS            ALLOWS          VERSION   REASON
n1     no      192.0.2.1,2001:db8::1   1           no         -      disk=ssd,zone=a   binds,runtime   1.0       frozen: revision 9 was seen
n2     no      -                       2           yes        -      -                 all             -         not ready: it has just begun, or its Docker Engine does not answer; web.myapp cannot start
n3     yes     -                       0           no         -      -                 -               -         nothing starts: no space
n1 is frozen, it doubts this etcd: revision 9 was seen (daprdockrcmd trust-etcd shows what to do)
"""

EVENTS = """\
TIME                   WHO   SUBJECT       EVENT
2023-11-14 22:13:20Z   n1    web.myapp     web:1 cannot be pulled
2023-11-14 22:13:21Z   n2    2.web.myapp   exit code 1
"""

TRUST = """\
[
  {
    "Node": "n1",
    "Reason": "revision 9 was seen",
    "Removed": {},
    "Replaced": {},
    "Kept": [],
    "LeftAlone": [
      "1.web.myapp"
    ],
    "Untold": 2
  }
]
"""


class OutputTests(SynchronousTestCase):
    """One cluster with something of everything, read by each command."""

    maxDiff = None

    def setUp(self) -> None:
        self.store = LentStore()
        under_lease: dict[str, NodeRecord | ClaimRecord | DoubtRecord | Event] = {
            KEYS.node("n1"): NodeRecord(
                ("192.0.2.1", "2001:db8::1"), {"zone": "a", "disk": "ssd"}, "1.0", allow=("binds", "runtime")
            ),
            KEYS.node("n2"): NodeRecord(ready=False, fails=("web.myapp",)),
            KEYS.node("n3"): NodeRecord(allow=(), trouble="no space"),
            self.claim(1): RUNNING,
            self.claim(2): ClaimRecord(node="n2", state=State.BACKING_OFF, reason="exit code 1"),
            self.claim(1, "db", "other"): evolve(RUNNING, node="n2", definition="older"),
            KEYS.doubt("n1"): DoubtRecord(7, "revision 9 was seen", 1, 9, {"1.web.myapp": WEB.digest}, 2),
            KEYS.doubts + "n2": Event(0, "n2", "", ""),
            KEYS.events + "1": Event(1_700_000_001.0, "n2", "2.web.myapp", "exit code 1"),
            KEYS.events + "2": Event(1_700_000_000.0, "n1", "web.myapp", "web:1 cannot be pulled"),
        }
        for key, record in under_lease.items():
            self.store.put(key, record.encode(), self.store.lease)
        self.store.put(KEYS.events + "3", Event(1_700_000_002.0, "n9", "", "of nobody").encode())
        self.store.put(KEYS.cordon("n2"), b"{}")
        self.store.put(KEYS.service(WEB.name), WEB.encode())
        self.store.put(KEYS.service(ServiceName("myapp", "bad")), b"{}")

    def claim(self, number: int, service: str = "web", group: str = "myapp") -> str:
        return KEYS.claim(InstanceName(ServiceName(group=group, service=service), number))

    def test_status(self) -> None:
        """``status`` prints this, and fails because of the node that is frozen."""
        frozen = "daprdockrcmd: node n1 is frozen\n"
        self.assertEqual(command_line(self.store, "status"), Outcome(1, STATUS, frozen))
        self.assertEqual(command_line(self.store, "status", "-o", "json"), Outcome(1, STATUS_JSON, frozen))

    def test_ps(self) -> None:
        """``ps`` prints this."""
        self.assertEqual(command_line(self.store, "ps"), Outcome(0, PS, ""))

    def test_nodes(self) -> None:
        """``nodes`` prints this."""
        self.assertEqual(command_line(self.store, "nodes"), Outcome(0, NODES, ""))

    def test_events(self) -> None:
        """``events`` prints this."""
        self.assertEqual(command_line(self.store, "events"), Outcome(0, EVENTS, ""))

    def test_trust_etcd(self) -> None:
        """``trust-etcd -yes -o json`` prints this."""
        self.assertEqual(command_line(self.store, "trust-etcd", "-yes", "-o", "json"), Outcome(0, TRUST, ""))


class AtOnceTests(SynchronousTestCase):
    """A command that takes a while prints into a pipe."""

    def test_line(self) -> None:
        """Each line, and each document, is there before the next is made: a program may act on it."""
        for say in (lambda console: console.say("a line"), lambda console: console.print_json({"a": 1})):
            pipe = io.BytesIO()
            console = Console(io.BytesIO(), io.TextIOWrapper(pipe, "utf-8"), io.StringIO())
            say(console)
            self.assertEqual(pipe.getvalue()[-1:], b"\n")
