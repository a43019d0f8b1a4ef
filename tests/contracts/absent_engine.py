"""The behaviour of every implementation of ``daprdockr.model.seams.Engine`` while no Engine answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from daprdockr.model.errors import EngineUnavailable
from daprdockr.model.host import ContainerState, Status
from daprdockr.model.names import InstanceName
from daprdockr.model.seams import Engine

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as _Case
else:
    _Case = object


WEB = InstanceName.parse("1.web.myapp")


class AbsentEngineContract(_Case):
    """Mix in and give ``make_absent_engine``."""

    def make_absent_engine(self) -> Engine:
        """An Engine that does not answer."""
        raise NotImplementedError

    def test_every_call(self) -> None:
        """Every call to an Engine that does not answer says so."""
        engine = self.make_absent_engine()
        calls: list[Callable[[], object]] = [
            engine.containers,
            engine.events,
            lambda: engine.inspect("0" * 64),
            lambda: engine.image("web:1"),
            lambda: engine.pull("web:1"),
            lambda: engine.create("web", {"Image": "web:1"}),
            lambda: engine.start("0" * 64),
            lambda: engine.stop("0" * 64, 1),
            lambda: engine.ask_to_stop("0" * 64),
            lambda: engine.signal("0" * 64, "SIGHUP"),
            engine.ping,
            engine.ask_containerd,
            lambda: engine.remove("0" * 64),
            lambda: engine.execute("0" * 64, ["true"], 1.0),
            lambda: engine.log_tail(ContainerState("0" * 64, "web", WEB, "d1", Status.EXITED)),
        ]
        for call in calls:
            with self.assertRaises(EngineUnavailable):
                call()
