"""Which end of a container a signal explains."""

from __future__ import annotations

from attrs import evolve

from daprdockr.model.host import Status
from tests.build.host_case import HostCase
from tests.build.situations import container


class SentSignalsTests(HostCase):
    def test_at_its_start(self) -> None:
        """One that came before an inspection saw the container run counts, as of an Engine that ends right then."""
        containers = self.host.containers
        created, begun = container(status=Status.CREATED), container(started=20.0)
        containers.update(created)
        self.engine.now = 20.1
        containers.signals.sent(begun.id)
        containers.update(begun)
        containers.update(evolve(begun, status=Status.EXITED, exit_code=0, finished=21.0))
        found = containers.get(begun.id)
        self.assertTrue(found is not None and found.signalled)
