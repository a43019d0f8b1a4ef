# -*- test-case-name: tests.unit.wiring.test_certifying -*-
"""TLS on this node: where its files are, and the loop that hands certificates to nginx."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from pathlib import Path

from daprdockr.agent.certifying.certifying import Certifying
from daprdockr.agent.certifying.given_pairs import GivenPairs
from daprdockr.agent.certifying.sealed_pairs import KeptPairs, SealedPairs, Sources
from daprdockr.agent.reconcile.places import MOUNTS, is_in_memory, read_mounts
from daprdockr.agent.replaceable import replaceable
from daprdockr.agent.statedir import CERTIFICATES
from daprdockr.model.errors import BadInput
from daprdockr.process.own_memory import USUAL, tls_folder
from daprdockr.proxy.nginx import Nginx
from daprdockr.proxy.tls_files import TlsFiles
from daprdockr.sealing.certificates import self_signed, ticket_key
from daprdockr.wiring.foundation import Foundation, Surroundings

_DRAWS = 4
"""Numbers of 60 bits in a secret."""


def tls_files(base: Foundation) -> TlsFiles | None:
    """
    Return the files of TLS listeners, in memory; None without such listeners.

    :raises BadInput: there is no directory in memory.
    """
    settings = base.settings
    if not settings.https:
        return None
    places = USUAL if settings.memory_dir is None else (settings.memory_dir,)
    mounts = read_mounts(MOUNTS)
    place = next((one for one in places if is_in_memory(one, mounts) and _is_writable(one)), None)
    if place is None:
        raise BadInput(f"--https needs a directory in memory, and {places[0]} is on a disk: name one by --memory-dir")
    directory = place / tls_folder(settings.node, settings.state_dir)
    if place.exists() and (other := replaceable(directory)):
        raise BadInput(f"no key may be in {place}, because {other}: name another --memory-dir")
    return TlsFiles(directory, self_signed(datetime.datetime.fromtimestamp(base.outside.clocks.wall(), datetime.UTC)))


def _is_writable(place: Path) -> bool:
    """Return whether it can be written to, or made, which a read-only ``/run`` does not allow."""
    above = next((one for one in (place, *place.parents) if one.exists()), place)
    return os.access(above, os.W_OK)


def certifying(base: Foundation, around: Surroundings, nginx: Nginx) -> Certifying:
    """Return the loop that hands certificates to an nginx with TLS listeners."""
    settings, outside, files = base.settings, base.outside, nginx.tls
    sources = Sources(outside.etcd.store, outside.pools.etcd.calls, base.cluster, lambda: around.cluster_keys.value)
    given = around.given_pairs
    return Certifying(
        reactor=outside.reactor,
        sealed=SealedPairs(sources, KeptPairs(settings.state_dir / CERTIFICATES), outside.pools.files),
        given=lambda: GivenPairs() if given is None else given.value,
        unknown=files.default if files is not None and settings.https_unknown == "default" else None,
        ticket=_tickets(base, around),
        serve=nginx.door.certify,
        wall=outside.clocks.wall,
    )


def _tickets(base: Foundation, around: Surroundings) -> Callable[[int], bytes]:
    """Return what makes the key of session tickets: of the cluster key, or else of chance, for this node alone."""
    own = b"".join(base.outside.chance.secret().to_bytes(8) for _ in range(_DRAWS))

    def key(day: int) -> bytes:
        keys = around.cluster_keys.value
        return ticket_key(keys[0].secret if keys else own, day)

    return key
