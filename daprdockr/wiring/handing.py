# -*- test-case-name: tests.unit.wiring.test_peering -*-
"""The images of this node's Engine, as other nodes and command lines push them."""

from __future__ import annotations

from daprdockr.engine.images import EngineImages
from daprdockr.model.errors import NotFound
from daprdockr.model.session import ImageAsked, SessionRequest
from daprdockr.peer.images import ImagesHere
from daprdockr.sessions.client import PeerSession, open_session
from daprdockr.sessions.handing import OpenImage
from daprdockr.wiring.foundation import Foundation


def images_here(base: Foundation) -> ImagesHere:
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
        engine=EngineImages(settings.docker),
        run=pools.images,
        hand=pools.handing,
        directory=settings.state_dir,
        open_image=opening,
    )
