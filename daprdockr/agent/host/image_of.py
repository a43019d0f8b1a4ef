# -*- test-case-name: tests.unit.agent.reconcile.test_rollout_steps -*-
"""
The digests of the images that this host's containers were made from: Note [One image for a restart] in
``daprdockr.model.wanted.pinned``.
"""

from __future__ import annotations

from attrs import frozen

from daprdockr.agent.host.stock import Stock
from daprdockr.model.errors import EngineError
from daprdockr.model.seams import Engine
from daprdockr.runtime.pool import Pool
from daprdockr.runtime.workers import Stopped


@frozen
class ImageOf:
    """:param pool: threads for short calls, which references share."""

    engine: Engine
    pool: Pool
    stock: Stock

    async def __call__(self, container: str, reference: str) -> str:
        """
        Return the digest under which a registry knows the image that a container was made from by this reference; ""
        if none does, as far as known, or the Engine does not say: a restart must not wait for that.
        """
        try:
            image = await self.pool.of(reference)(self.engine.made_from, container, reference)
        except (EngineError, Stopped):
            return ""
        return self.stock.digest(reference, image)
