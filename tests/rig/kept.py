"""The last known state of a cluster as an agent keeps it, some seconds behind, in its state directory."""

from __future__ import annotations

from pathlib import Path

from daprdockr.model.names import ServiceName
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.snapshot import decode_listing


def healthy_kept(state: Path, keys: Keys, service: str) -> int:
    """How many instances of a service are healthy by what is kept in this state directory."""
    path = state / "cluster.json"
    if not path.exists():
        return 0
    listing = decode_listing(path.read_bytes())
    claims = keys.claims(ServiceName.parse(service))
    return sum(ClaimRecord.decode(one.value).healthy for one in listing.entries if one.key.startswith(claims))
