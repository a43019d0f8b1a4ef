# -*- test-case-name: tests.unit.wiring.test_peering -*-
"""This node as it shows itself to those who connect for a session, and where."""

from __future__ import annotations

import datetime

from daprdockr.agent.statedir import PEER
from daprdockr.peer.own import ListenAddress, OwnPeer, kept_pair, listened
from daprdockr.sealing.certificates import read_own, self_signed
from daprdockr.wiring.foundation import Foundation, Surroundings, own_addresses


def own_peer(base: Foundation, around: Surroundings) -> OwnPeer | None:
    """Return what this node shows; None where it takes no sessions."""
    settings, outside = base.settings, base.outside
    if settings.peer is None:
        return None
    given, port = settings.peer
    moves = not settings.host_given and given == settings.host[0]

    def where() -> tuple[ListenAddress, ListenAddress]:
        published = around.whereabouts.value.addresses[0]
        return listened((published if moves else given, port), published, own_addresses(outside.machine))

    now = datetime.datetime.fromtimestamp(outside.clocks.wall(), datetime.UTC)
    return OwnPeer(kept_pair(settings.state_dir / PEER, read_own, lambda: self_signed(now)), where)
