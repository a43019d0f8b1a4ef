"""Where the calls run that carry out steps about images and containers."""

from __future__ import annotations

from attrs import field, frozen

from daprdockr.agent.reconcile.other_nodes import NoOthers, Others
from daprdockr.model.seams import Engine
from daprdockr.runtime.pool import Pool


@frozen
class EngineThreads:
    """
    The Engine, and where calls to it run, by what they may wait for, so that none of these keeps the others waiting:
    ``work`` for the Engine itself, ``stops`` for a container that is killed or removed, ``pulls`` for a registry.
    ``others`` are the nodes that may have an image.
    """

    engine: Engine
    work: Pool
    stops: Pool
    pulls: Pool
    others: Others = field(factory=NoOthers)


def registry(reference: str) -> str:
    """The registry of a reference: its first part if that is a host (distribution/reference), else Docker Hub."""
    first, slash, _ = reference.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"
