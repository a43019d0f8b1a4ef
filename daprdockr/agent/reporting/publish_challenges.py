"""
Publishing of the challenge zone: the text records that the renewer stored, and the addresses of all nodes. Like names
and routes it needs nothing but the mirror's content.
"""

from __future__ import annotations

from daprdockr.dns.zone.challenge_zone import ChallengeZone
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.view import ClusterView
from daprdockr.model.stored.renewal import ChallengeRecord
from daprdockr.runtime.signal import Signal

_SERIALS = 2**32


class PublishChallenges:
    """``zones`` sends the challenge zone after each change of it; None: there is none any more."""

    def __init__(self, cluster: ClusterView) -> None:
        self._cluster = cluster
        self._known: tuple[ChallengeRecord | None, tuple[str, ...]] = (None, ())
        self.zones: Signal[[ChallengeZone | None]] = Signal()

    @property
    def revision(self) -> int:
        """The revision of the cluster up to which everything is published; 0 before that is known again."""
        return self._cluster.revision if self._cluster.challenge is self._known[0] else 0

    def on_changes(self, changes: Changes) -> None:
        """Publish the zone if it changed."""
        cluster = self._cluster
        challenge = cluster.challenge
        before = self._known[0]
        if challenge is before and not (changes.nodes and challenge is not None and challenge.zone):
            return
        found = sorted({address for node in cluster.nodes.values() for address in node.record.addresses})
        if self._known == (challenge, tuple(found)):
            return
        self._known = challenge, tuple(found)
        if challenge is not None and challenge.zone:
            self.zones(
                ChallengeZone.of(
                    challenge.zone,
                    thumbprint=challenge.thumbprint,
                    texts=challenge.texts,
                    addresses=found,
                    serial=cluster.revision % _SERIALS,
                )
            )
        elif before is not None and before.zone:
            self.zones(None)
