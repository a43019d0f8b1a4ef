# -*- test-case-name: tests.unit.wiring.test_peering -*-
"""The listener for sessions."""

from __future__ import annotations

from functools import partial

from daprdockr.engine.streams import EngineStreams
from daprdockr.peer.admission import Places, Tokens
from daprdockr.peer.listener import Admission, PeerListener
from daprdockr.peer.on_this_node import OnThisNode
from daprdockr.peer.own import OwnPeer
from daprdockr.wiring.finding import Found
from daprdockr.wiring.foundation import Foundation
from daprdockr.wiring.handing import images_here, offers, pushed
from daprdockr.wiring.joining import admitting


def peer_listener(base: Foundation, own: OwnPeer | None, found: Found) -> PeerListener | None:
    """Return the listener; None where it is off."""
    if own is None:
        return None
    settings, outside = base.settings, base.outside
    tokens = Tokens(outside.pools.etcd.calls, outside.etcd.store, base.cluster.keys, settings.node)
    here = OnThisNode(
        node=settings.node,
        containers=found.local.host.containers,
        cluster=base.cluster,
        engine=EngineStreams(outside.reactor, settings.docker),
        record_event=lambda subject, text, by: base.journal.record(subject, text, by=by),
    )

    def loaded(reference: str) -> None:
        """Have the node's record say so at once: others may ask for it."""
        found.local.host.stock.holds(reference)
        found.member.heartbeat.refresh()

    def trouble() -> str:
        return found.local.host.trouble

    images = images_here(base, loaded, trouble)
    rights = tokens, Places(settings.node), images, admitting(base), offers(base, trouble)
    admission = Admission(*rights, pushed=partial(pushed, base))
    return PeerListener(reactor=outside.reactor, own=own, admission=admission, here=here)
