# -*- test-case-name: tests.unit.agent.membership.test_heartbeat -*-
"""A connection to etcd as a loop uses it."""

from __future__ import annotations

from attrs import frozen

from daprdockr.model.seams import Store
from daprdockr.runtime.outage import Outage
from daprdockr.runtime.pool import Run


@frozen
class Connection:
    """
    ``store`` blocks, so ``run`` makes each call in a thread; ``outage`` logs that etcd does not answer, once calls
    report that.
    """

    store: Store
    run: Run
    outage: Outage
