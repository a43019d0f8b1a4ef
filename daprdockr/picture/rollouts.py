# -*- test-case-name: tests.unit.cli.commands.test_wait,tests.unit.cli.commands.test_status -*-
"""The rollouts that did not end well, as far as nobody has stored another definition since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from attrs import define, field

from daprdockr.model.errors import BadInput
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.entries import Change, Entry
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.rollout import RolloutRecord


@define(eq=False)
class Rollouts:
    """The records below ``keys.rollouts`` that can be read, as far as they were taken."""

    keys: Keys
    _records: dict[ServiceName, RolloutRecord] = field(factory=dict)

    def take(self, changes: Iterable[Change]) -> None:
        """Take over changes, of whatever keys."""
        for change in changes:
            name = self._name(change.key)
            if name is not None:
                self._records.pop(name, None)
                try:
                    if isinstance(change, Entry):
                        self._records[name] = RolloutRecord.decode(change.value)
                except BadInput:
                    continue  # a newer version wrote it: this one goes by the claims

    def stopped(self, cluster: ClusterView) -> Mapping[ServiceName, RolloutRecord]:
        """Return the records that are about the present definitions, and of which no person has taken note."""
        found = ((name, self._records.get(name), service) for name, service in cluster.services.items())
        return {name: one for name, one, service in found if one and one.wants_attention(service.definition)}

    def _name(self, key: str) -> ServiceName | None:
        parts = key.removeprefix(self.keys.rollouts).split("/") if key.startswith(self.keys.rollouts) else ()
        try:
            return ServiceName(*parts) if len(parts) == 2 else None
        except BadInput:
            return None


def story(record: RolloutRecord) -> Iterator[str]:
    """Yield the last lines of the instance, or of the command before the rollout, behind one that says whose."""
    if record.lines:
        instance = " on ".join(filter(None, (record.instance, record.node)))
        yield f"the last lines of {f'its Before, run {record.run}' if record.run else instance}:"
        yield from (f"  {line}" for line in record.lines)
