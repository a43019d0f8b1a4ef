"""One random value for one key below the prefix, and the real one again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from random import Random

from daprdockr.model.errors import BadInput, EtcdRefused
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.certificate import CertificateFacts, CertificateRecord
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.cordon import asks_to_drain
from daprdockr.model.stored.doubts import DoubtRecord, decode_trust, encode_trust
from daprdockr.model.stored.entries import Delete, Entry
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.files import FileRecord
from daprdockr.model.stored.history import RevisionRecord
from daprdockr.model.stored.marks import Mark, decode_marks, encode_marks
from daprdockr.model.stored.mirrored_keys import SuccessorKey
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.pause import PauseMode, PauseRecord
from daprdockr.model.stored.renewal import ChallengeRecord
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.stored.sealed import SecretRecord
from daprdockr.model.stored.slot import SlotRecord
from daprdockr.model.wanted.definition import Definition
from tests.build.values import KEYS, WEB
from tests.fuzz.mutations import TEXTS, Mutations
from tests.fuzz.scene import KEPT, SAFE, STOPPED, Scene

DEFINITION = Definition.read(
    {
        "Name": "web",
        "Group": "myapp",
        "Instances": 2,
        "Container": {
            "Image": "web:1",
            "Cmd": ["a", "b"],
            "Env": ["K=V"],
            "Memory": 2**26,
            "ExposedPorts": ["80"],
            "PortBindings": {"90/udp": [{"HostPort": "9000"}]},
            "Mounts": [{"Type": "volume", "Source": "data", "Target": "/d"}],
            "NetworkMode": "bridge",
        },
        "Http": [
            {"HostName": "example.com", "ContainerPort": "8080"},
            {"HostName": "example.com,*.example.org", "ContainerPort": "8080", "Path": "/a", "Sticky": "s", "Hold": 1},
        ],
        "Health": {"Type": "http", "Path": "/", "Port": "8080", "Interval": 5, "Headers": {"X-A": "b"}, "Host": "a.b"},
        "Placement": {"Constraints": ["zone == a"], "OnePerNode": True},
        "Update": {"Order": "stop-first", "Parallelism": 2, "MinHealthy": 1, "OnFailure": "pause"},
        "StopTimeout": 3,
        "After": ["other", "keep.safe"],
    }
)
DIGEST = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
REAL = {
    "services": DEFINITION.encode(),
    "instances": ClaimRecord("b", addresses=("10.0.0.2",), container="c" * 64, reason="because").encode(),
    "nodes": NodeRecord(("10.0.0.2",), {"zone": "b"}, "1", memory=2**30, cpus=2).encode(),
    "cordons": b'{"Drain": true, "Reason": "kernel"}',
    "pauses": PauseRecord(PauseMode.MAINTENANCE, "<p>back soon", 1e9, "anna@desk").encode(),
    "identity": b"1f",
    "marks": encode_marks((Mark(1, 2, 3), Mark(2, 20, 5))),
    "trust": encode_trust((7, 8)),
    "doubts": DoubtRecord(7, "this etcd went back", 31, 9, {"1.keep.safe": "c" * 12}).encode(),
    "rollouts": SlotRecord("b", InstanceName(WEB, 1), "c" * 12).encode(),
    "secrets": SecretRecord(2, "5" * 12, 20, "a" * 16, 1e9, "anna@desk").encode(),
    "certificates": CertificateRecord("5" * 12, "a" * 16, CertificateFacts(("a.b",), 1, 2), by="anna@desk").encode(),
    "challenge": ChallengeRecord(DIGEST, "acme.a.test", {"a.test": DIGEST}).encode(),
    "files": FileRecord(2, "5" * 16, 20, 1e9, "anna@desk").encode(),
    "history": RevisionRecord(DEFINITION, 1e9, "anna@desk", True).encode(),
    "events": Event(1e9, "a", "web.myapp", "it was started").encode(),
}
STOPPED_ROLLOUT = RolloutRecord(RolloutState.PAUSED, "b" * 12, "c" * 12, "exit status 3", "b", "1.web.myapp", ("last",))
ROLLOUTS = [KEYS.rollout(name) for name in (WEB, KEPT)]

LONG = 10**9
"""Seconds of the lease of what another node would have written."""

LEFT = 0.5
"""How often a value that nobody can read stays while the next one is written, so that several keys are spoiled."""

READ: dict[str, Callable[[bytes], object]] = {
    "services": Definition.parse,
    "instances": ClaimRecord.decode,
    "nodes": NodeRecord.decode,
    "cordons": asks_to_drain,
    "pauses": PauseRecord.decode,
    "identity": bytes,
    "marks": decode_marks,
    "trust": decode_trust,
    "rollouts": SlotRecord.decode,
    "secrets": SecretRecord.decode,
    "certificates": CertificateRecord.decode,
    "challenge": ChallengeRecord.decode,
    "files": FileRecord.decode,
}


class KeyFuzz:
    """:param random: where chance comes from. :param scene: the agent that receives the changes."""

    def __init__(self, random: Random, scene: Scene) -> None:
        self._random = random
        self._scene = scene
        self._mutations = Mutations(random, list(REAL.values()))
        self.what = ""
        self._left: dict[str, Entry | None] = {}
        self._others = scene.store.grant(LONG).id

    def try_one(self) -> None:
        """Write a value, and soon what was there before again. ``what`` describes it for people."""
        store = self._scene.store
        key = self._key()
        before = store.get(key)
        place = key.removeprefix(KEYS.root).partition("/")[0]
        real = STOPPED_ROLLOUT.encode() if key in ROLLOUTS else REAL.get(place, b"{}")
        value = self._mutations.of(before.value if before is not None else real)
        self.what = f"{key!r}: {value[:300]!r}"
        if self._is_lawful(key, value):
            return
        lease = self._random.choice((before.lease, before.lease, 0) if before is not None else (self._others, 0))
        if self._random.random() < 0.03 and not self._is_precious(key):
            store.commit([], [Delete(key)])
        store.put(key, value, lease)
        self._scene.settle(self._random.choice((0.05, 0.05, 0.05, 0.3)))
        self._left.setdefault(key, before)
        if self._random.random() > LEFT or _is_readable(place, value):
            self.put_back()

    def put_back(self) -> None:
        """All that was left as it is."""
        for key, before in self._left.items():
            self._put_back(key, before)
        self._left.clear()

    def _put_back(self, key: str, before: Entry | None) -> None:
        """The agent may have been quicker, and its lease is another one if its record was in the way of that."""
        store = self._scene.store
        entry = store.get(key)
        if before is None:
            store.commit([], [Delete(key)])
        elif entry is None or (entry.value, entry.lease) != (before.value, before.lease):
            with contextlib.suppress(EtcdRefused):
                store.put(key, before.value, before.lease)
        self._scene.settle(0.05)

    def _is_precious(self, key: str) -> bool:
        """Whether its deletion means something, and is obeyed."""
        return any(key.startswith((KEYS.service(name), f"{KEYS.root}instances/{name.group}/")) for name in SAFE)

    def _is_lawful(self, key: str, value: bytes) -> bool:
        """Whether it is a wish that can be read, and asks for something else of what must stay."""
        try:
            named = KEYS.read(key)
            if named in SAFE:
                return Definition.parse(value) is not None
            if isinstance(named, InstanceName) and named.service in SAFE:
                return ClaimRecord.decode(value).node != "a"
            if isinstance(named, SuccessorKey) and named.instance.service in SAFE:
                return ClaimRecord.decode(value) is not None
        except BadInput:
            pass
        return False

    def _key(self) -> str:
        chance = self._random
        label = chance.choice(("web", "keep", "safe", "myapp", "a", "b", "x-1", *TEXTS))
        claims = [KEYS.claim(InstanceName(name, number)) for name in (*SAFE, WEB) for number in (1, 2)]
        usual = [
            *(KEYS.service(name) for name in (KEPT, STOPPED, WEB)),
            *claims,
            KEYS.claim(InstanceName(WEB, 1)) + "/next",
            KEYS.claim(InstanceName(KEPT, 1)) + "/next",
            KEYS.node("a"),
            KEYS.node("b"),
            KEYS.cordon("b"),
            KEYS.cordon("a"),
            KEYS.pause(WEB),
            KEYS.pause(KEPT),
            KEYS.identity,
            KEYS.challenge,
            KEYS.marks,
            KEYS.trust,
            KEYS.doubt("b"),
            KEYS.slot(WEB, 1),
            KEYS.slot(KEPT, 1),
            *ROLLOUTS,
            KEYS.secret("password"),
            KEYS.certificate("a.b"),
            KEYS.revision(WEB, 1),
            KEYS.event("a", 1),
        ]
        places = (*REAL, "runs", label)
        parts = [chance.choice((label, "1", "web")) for _ in range(chance.randrange(5))]
        odd = KEYS.root + "/".join([chance.choice(places), *parts])
        return chance.choice(usual) if chance.random() < 0.8 else odd


def _is_readable(place: str, value: bytes) -> bool:
    """Whether it may be a wish that is obeyed."""
    try:
        READ.get(place, bool)(value)
    except BadInput:
        return False
    return place in READ
