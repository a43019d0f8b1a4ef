"""
The mirror as a service: follows etcd and reports each change to its subscriber.

Note [In touch]
    ``in_touch`` is False from the start, after every broken watch, while a list cannot be judged, and as long as etcd
    is not the one we know, until a listing or a change was taken over. The planner then stops nothing and claims
    nothing; names and routes stay as they are, because no change is published. ``belief`` decides what is believed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from attrs import evolve
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from daprdockr.agent.mirror.belief import Belief
from daprdockr.agent.mirror.intake import Intake
from daprdockr.agent.mirror.snapshots import Snapshots
from daprdockr.agent.statedir import StateDir
from daprdockr.model.errors import EtcdError
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.doubts import Doubt
from daprdockr.model.stored.entries import Absent, Batch, Change, Entry, Listing, Put
from daprdockr.model.trouble import line
from daprdockr.model.troubles.etcd import EtcdDoubted, EtcdLost, EtcdNotReached
from daprdockr.runtime.connection import Connection
from daprdockr.runtime.logged_once import LoggedOnce


class Following(Protocol):
    """The follower of etcd, which has a thread of its own; ``daprdockr.etcd.follow`` implements it."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def list_again(self) -> None:
        """Report everything as soon as possible; called in the reactor's thread."""


class Mirror(Service):
    """
    Owns the ``Cluster`` and the knowledge whether this agent is in touch with etcd.

    :param draw_identity: a random number from 1 to 2**60 - 1 for an etcd that has no identity yet.
    :param follow: makes the follower of etcd for a listener, which is this object.
    :param on_changes: called with each change after it is in ``cluster``.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: Any,
        etcd: Connection,
        cluster: Cluster,
        state: StateDir,
        draw_identity: Callable[[], int],
        follow: Callable[[Mirror], Following],
        on_changes: Callable[[Changes], None],
    ) -> None:
        self.cluster = cluster
        self._reactor = reactor
        self._etcd = etcd
        self._state = state
        self._draw_identity = draw_identity
        self._intake = Intake(
            reactor=reactor, prepare=self._prepare, listed=self._listed, changed=self._changed, lost=self._lost
        )
        self._follower = follow(self)
        self._on_changes = on_changes
        self._logged = False
        self._frozen_for = LoggedOnce(lambda reason: self.log.warn("out of touch with etcd: {reason}", reason=reason))
        self.snapshots = Snapshots(reactor=reactor, run=etcd.run, cluster=cluster, state=state)
        self._belief = Belief(
            reactor=reactor,
            believer=self,
            run=etcd.run,
            cluster=cluster,
            state=state,
            store=etcd.store,
            draw=draw_identity,
        )
        self.blank = False
        """Whether this agent began without the knowledge of an earlier one."""
        self.in_touch = False
        self.condition: EtcdNotReached | EtcdLost | EtcdDoubted | None = EtcdNotReached()
        """Why this agent is out of touch with etcd; None while it is in touch."""

    @property
    def trouble(self) -> str:
        return line(self.condition)

    def _load(self) -> None:
        """Begin with the last known state, if there is one: names and routes are served before etcd answers."""
        listing = self._state.read_listing()
        self.blank = listing is None
        if listing is not None:
            self._on_changes(self.cluster.replace(listing))
            self._take_identity()
            self.cluster.history.unbroken = False
            self.snapshots.loaded()
            self.log.info("began with the state known at revision {revision}", revision=listing.revision)
        self._belief.load()

    def startService(self) -> None:
        super().startService()
        self.snapshots.start()
        self._load()
        self._follower.start()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._intake.close()
        self.snapshots.stop()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await self._etcd.run(self._follower.stop)
        await self.snapshots.finish()

    # Called by ``Witnesses``.

    def withhold(self) -> None:
        """Do not store the knowledge of this agent for now."""
        self.snapshots.withhold()

    def release(self) -> None:
        """Store it from now on."""
        self.snapshots.release()

    def begin_doubt(self, reason: str) -> None:
        """Believe etcd no more, for a reason that its lists do not show."""
        self.cluster.history.unbroken = False  # so that an nginx which holds routes keeps them
        self._belief.begin(reason)

    # Called by the follower, in its own thread.

    def listed(self, listing: Listing) -> None:
        self._intake.listed(listing)

    def changed(self, batch: Batch) -> None:
        self._intake.changed(batch)

    def lost(self, error: EtcdError) -> None:
        self._intake.lost(error)

    # The same calls in the reactor's thread, some turns later.

    def _prepare(self, change: Change) -> None:
        if self.doubt is None:
            self.cluster.prepare(change)

    def _listed(self, listing: Listing) -> None:
        self._belief.listed(listing)

    def _changed(self, batch: Batch) -> None:
        self._belief.changed(batch)

    def _lost(self, reason: str) -> None:
        self._belief.lost()
        self.lose_touch(reason)

    # Called by ``Belief``.

    @property
    def doubt(self) -> Doubt | None:
        """The reason why etcd is not believed."""
        return self._belief.doubt

    def take_list(self, listing: Listing) -> None:
        self._taken(self.cluster.replace(listing))

    def take_anew(self, listing: Listing) -> Deferred[None]:
        """:returns: a Deferred that fires when the list is in the state directory."""
        self._taken(self.cluster.begin_anew(listing))
        return self.snapshots.write()

    def take_changes(self, batch: Batch) -> None:
        self._taken(self.cluster.apply(batch))

    def freeze(self, doubted: EtcdDoubted) -> None:
        """See Note [In touch]."""
        self._frozen_for.found(str(doubted))
        self.in_touch, self.condition, self._logged = False, doubted, False

    def lose_touch(self, reason: str) -> None:
        """See Note [In touch]; the reason is why etcd cannot be followed."""
        self._etcd.outage.failed(reason)
        self.in_touch, self.condition = False, EtcdLost(reason, self._belief.condition)

    def list_again(self, after: float) -> None:
        """Have the follower list again after so many seconds."""
        self._reactor.callLater(after, self._list_again)

    def _list_again(self) -> None:
        if self.running:
            self._follower.list_again()

    async def _identify(self) -> None:
        """Give etcd an identity if it has none; any agent may do so, and the others learn it by the watch."""
        value = f"{self._draw_identity():x}".encode()
        put = Put(self.cluster.keys.identity, value)
        commit = await self._etcd.run(self._etcd.store.commit, [Absent(put.key)], [put])
        if commit.succeeded:
            self.note(Entry(put.key, value, commit.revision, commit.revision))

    def note(self, *own: Change) -> None:
        """Take over own writes before the watch reports them."""
        self._publish(self.cluster.note(*own))

    def _taken(self, changes: Changes) -> None:
        if not self.in_touch:
            if not self._logged:
                self._logged = True
                self.log.info("in touch with etcd at revision {revision}", revision=self.cluster.revision)
            changes = evolve(changes, services=changes.services | self.known_services(), nodes=True)
        self.in_touch, self.condition = True, None
        self._take_identity()
        self._frozen_for.found("")
        self._etcd.outage.worked()
        self._publish(changes)
        if not self.cluster.identity:
            Deferred.fromCoroutine(self._identify()).addErrback(
                lambda failure: self.log.warn("etcd got no identity yet: {reason}", reason=failure.getErrorMessage())
            )

    def _take_identity(self) -> None:
        """Note [Two clusters, one name] in ``own_containers``."""
        if self.cluster.identity not in (0, self._state.holder.cluster):
            self._state.holder = self._state.holder.in_cluster(self.cluster.identity)

    def known_services(self) -> frozenset[ServiceName]:
        """Return every service that has a definition, a claim or a run."""
        cluster = self.cluster
        return frozenset(cluster.services).union(cluster.claimed_services, cluster.with_runs, cluster.with_volumes)

    def _publish(self, changes: Changes) -> None:
        if changes != Changes():
            self._on_changes(changes)
        self.snapshots.note_changes()
