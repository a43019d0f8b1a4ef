"""Nodes that may be the renewer, at one etcd in memory, and the case of tests of them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.acme.keys import SigningKey
from daprdockr.agent.office import Office
from daprdockr.agent.renewing.obtaining import Chances, Servers
from daprdockr.agent.renewing.renewer import Contacts, Renewer
from daprdockr.agent.renewing.texts import Spread
from daprdockr.agent.renewing.vault import Vault
from daprdockr.model.errors import AcmeRefused, NotFound
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.certificate import CertificateRecord
from daprdockr.model.stored.renewal import ChallengeRecord, RenewalRecord
from daprdockr.runtime.pool import Run
from daprdockr.sealing.boxes import PrivateKey
from tests.build.values import KEYS, WEB
from tests.fakes.acme import MemoryAcme
from tests.fakes.run import LoopClock, run_at_once
from tests.fakes.store import MemoryStore

NAME = "a.test"
ZONE = "acme.test"
KEY = PrivateKey.generate()
DAY = 86400.0
REFUSED = AcmeRefused("the ACME server refused (unauthorized): no", "unauthorized")


class Node:
    """One node that may be the renewer, at an etcd that others share; ``keys`` are its own, if it has others."""

    def __init__(self, case: RenewerCase, name: str, keys: Sequence[PrivateKey] | None = None) -> None:
        self.lease = case.store.grant(6).id
        self.cluster = case.cluster
        store = case.store

        def connect(key: SigningKey) -> Contacts:
            servers = Servers(case.usual, case.staging, case.asking, case.clock)
            return Contacts(servers, case.reaching, Spread(ZONE, case.behind))

        self.renewer = Renewer(
            reactor=case.clock,
            office=Office(store, run_at_once, key=KEYS.renewer, node=name, lease=lambda: self.lease),
            vault=Vault(store, run_at_once, KEYS, lambda: (case.key,) if keys is None else keys),
            connect=connect,
            cluster=case.cluster,
            chances=Chances(lambda: 0.0, lambda: 7, case.wall),
            record_event=lambda subject, text: case.events.append(f"{subject}: {text}"),
        )
        self.renewer.startService()
        case.addCleanup(self.renewer.stopService)


class RenewerCase(SynchronousTestCase):
    """An etcd with the cluster's key, one definition, and two ACME directories."""

    def setUp(self) -> None:
        self.clock, self.store, self.cluster = LoopClock(), MemoryStore(), Cluster(KEYS)
        self.key, self.events = KEY, list[str]()
        self.usual = MemoryAcme("https://ca.test/dir", self.wall)
        self.staging: MemoryAcme | None = None
        self.elsewhere: set[str] = set()
        self.spread = list[dict[str, str]]()
        self.slow: tuple[str, ...] = ()
        self.asking: Run = run_at_once
        self.store.put(KEYS.public_key, KEY.public.encode())
        self.define(NAME)

    def wall(self) -> float:
        return 1e9 + self.clock.seconds()

    async def reaching(self, host_name: str) -> None:
        if host_name in self.elsewhere:
            raise NotFound(f"{host_name} has no address in DNS")

    async def behind(self, revision: int) -> tuple[str, ...]:
        """All nodes but ``self.slow`` take a record over, and what etcd has then is noted."""
        entry = self.store.get(KEYS.challenge)
        assert entry is not None and entry.mod_revision == revision
        self.spread.append(dict(ChallengeRecord.decode(entry.value).texts))
        return self.slow

    def define(self, *names: str) -> None:
        http = {"HostName": ",".join(names), "ContainerPort": "80"}
        definition = {"Name": WEB.service, "Group": WEB.group, "Container": {"Image": "x"}, "Http": http}
        self.store.put(KEYS.service(WEB), json.dumps(definition).encode())

    def pass_time(self, seconds: float) -> None:
        """Time passes, the last few seconds of it one by one, and the mirror follows etcd."""
        for step in (max(0.0, seconds - 3), *[1.0] * min(3, round(seconds))):
            self.cluster.replace(self.store.list(KEYS.mirrored))
            self.clock.advance(step)
        self.cluster.replace(self.store.list(KEYS.mirrored))

    def certificate(self, name: str = NAME) -> CertificateRecord | None:
        entry = self.store.get(KEYS.certificate(name))
        return None if entry is None else CertificateRecord.decode(entry.value)

    def renewal(self, name: str = NAME) -> RenewalRecord:
        entry = self.store.get(KEYS.renewal(name))
        return RenewalRecord() if entry is None else RenewalRecord.decode(entry.value)

    def challenge(self) -> ChallengeRecord:
        entry = self.store.get(KEYS.challenge)
        assert entry is not None
        return ChallengeRecord.decode(entry.value)
