"""A host whose Docker Engine is in memory, for tests of those who ask it."""

from __future__ import annotations

from typing import Any

from daprdockr.agent.host.containers import Containers
from daprdockr.agent.host.failures import Failures
from daprdockr.agent.host.host import Host
from daprdockr.agent.host.stock import Stock
from tests.fakes.engine import MemoryEngine
from tests.fakes.run import run_at_once
from tests.fakes.steps import SteppedListener


def memory_host(reactor: Any, engine: MemoryEngine, failures: Failures) -> Host:
    """One that receives no events, only lists and answers about single containers."""
    stock = Stock(failures.pulled)
    containers = Containers(
        reactor=reactor,
        failures=failures,
        on_changes=lambda services: None,
        on_cut_off=stock.doubt,
        wall=lambda: engine.now,
    )
    return Host(
        reactor=reactor,
        run=run_at_once,
        engine=engine,
        listen=lambda host: SteppedListener(engine, host),
        containers=containers,
        stock=stock,
        on_answer=lambda: None,
    )
