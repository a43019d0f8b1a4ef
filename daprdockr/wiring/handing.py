# -*- test-case-name: tests.unit.wiring.test_peering -*-
"""The images of this node's Engine, as command lines push them, other nodes hand them on, and nodes ask each other."""

from __future__ import annotations

from collections.abc import Callable

from daprdockr.agent.reconcile.other_nodes import NoOthers, OtherNodes, Others
from daprdockr.model.errors import NotFound
from daprdockr.model.session import ImageAsked, SessionRequest
from daprdockr.peer.images import ImagesHere, ImageThreads
from daprdockr.peer.offering import Offers
from daprdockr.peer.own import OwnPeer
from daprdockr.sessions.client import PeerSession, open_session
from daprdockr.sessions.fetching import Fetching
from daprdockr.sessions.handing import OpenImage
from daprdockr.wiring.foundation import Foundation


def images_here(base: Foundation, loaded: Callable[[str], None], trouble: Callable[[], str]) -> ImagesHere:
    """
    :param loaded: takes the name of an image that was pushed here.
    :param trouble: returns why the Engine answers nothing now, "" if it does.
    """
    settings, pools = base.settings, base.outside.pools

    def opening(token: str) -> OpenImage:
        nodes = {name: node.record for name, node in base.cluster.nodes.items()}

        def opened(node: str, asked: ImageAsked) -> PeerSession:
            if node not in nodes:
                raise NotFound(f"node {node} has no agent that reports")
            return open_session(node, nodes[node], lambda: SessionRequest(token, asked))

        return opened

    return ImagesHere(
        node=settings.node,
        engine=base.docker.images,
        threads=ImageThreads(pools.images, pools.handing),
        directory=settings.state_dir,
        open_image=opening,
        loaded=loaded,
        trouble=trouble,
    )


def pushed(base: Foundation, digest: str, image: str, text: str, by: str) -> None:
    """Record that an image is pushed; of all nodes that are handed it the first one does, by a person."""
    base.journal.record_once(image, text, digest, by=by)


def offers(base: Foundation, trouble: Callable[[], str]) -> Offers | None:
    """
    Return what other nodes may have; None where that is off.

    :param trouble: as for ``images_here``.
    """
    settings = base.settings
    if settings.no_peer_images:
        return None
    return Offers(
        node=settings.node,
        engine=base.docker.images,
        run=base.outside.pools.images,
        directory=settings.state_dir,
        cluster=base.cluster,
        trouble=trouble,
    )


def other_nodes(base: Foundation, own: OwnPeer | None) -> Others:
    """Return the nodes that this one asks for images: none if that is off, or if it has no certificate to show."""
    settings, outside = base.settings, base.outside
    if own is None or settings.no_peer_images:
        return NoOthers()
    fetching = Fetching(
        node=settings.node,
        own=own.pair,
        engine=base.docker.images,
        directory=settings.state_dir,
        clock=outside.reactor.seconds,
    )
    return OtherNodes(base.cluster, fetching, outside.pools.fetching)
