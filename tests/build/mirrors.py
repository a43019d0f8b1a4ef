"""The keys that a mirror receives, readable or not, and all that it shows."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.entries import Delete, Put
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.pause import PauseMode, PauseRecord
from tests.build.values import API, KEYS, WEB

FIRST, SECOND = InstanceName(WEB, 1), InstanceName(WEB, 2)


def definition(name: ServiceName = WEB, **members: Any) -> bytes:
    part = {"Name": name.service, "Group": name.group, "Container": {"Image": "web:1"}}
    return json.dumps({**part, **members}).encode()


def claim(node: str) -> bytes:
    return ClaimRecord(node=node).encode()


def picture(cluster: ClusterView) -> object:
    """Everything a mirror shows, to be compared."""
    services = {**cluster.services, **dict.fromkeys(cluster.claimed_services)}
    return (
        cluster.services,
        {name: dict(cluster.claims(name)) for name in services if cluster.claims(name)},
        cluster.nodes,
        cluster.cordoned,
        cluster.pauses,
        set(cluster.broken),
        set(cluster.entries),
        +cluster.loads,
    )


VALUES: dict[str, list[bytes]] = {
    KEYS.service(WEB): [definition(), definition(Instances=2), b"{", definition(API)],
    KEYS.service(API): [definition(API)],
    KEYS.claim(FIRST): [claim("a"), claim("b"), b"\xff"],
    KEYS.claim(SECOND): [claim("a"), claim("b")],
    KEYS.node("a"): [NodeRecord().encode(), NodeRecord(version="2").encode(), b"[]"],
    KEYS.cordon("a"): [b""],
    KEYS.pause(WEB): [PauseRecord().encode(), PauseRecord(PauseMode.MAINTENANCE, "<p>").encode(), b""],
    KEYS.event("a", 1): [b"?"],
    KEYS.root + "services/A/b": [b""],
}

OPERATIONS = st.sampled_from([Delete(key) for key in VALUES] + [Put(key, v) for key in VALUES for v in VALUES[key]])
