# -*- test-case-name: tests.unit.test_tap -*-
"""The part that removes old images of services, if the settings ask for it."""

from __future__ import annotations

from functools import partial

from daprdockr.agent.host.host import Host
from daprdockr.agent.host.pruning import Pruning, named_images
from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.wiring.foundation import Foundation


def pruning(base: Foundation, mirror: Mirror, host: Host) -> Pruning | None:
    """Return it; None where no image is removed."""
    hours, outside = base.settings.prune_images, base.outside
    if hours is None:
        return None
    return Pruning(
        reactor=outside.reactor,
        run=outside.pools.images,
        images=base.docker.images,
        named=partial(outside.pools.etcd.calls, named_images, outside.etcd.store, base.cluster.keys),
        is_certain=lambda: mirror.in_touch and host.listed and host.condition is None,
        age=hours * 3600.0,
    )
