"""
Decides whether an etcd is believed: judges each list before the mirror takes it over, and stores the doubt.

Knows how a list is judged (``daprdockr.model.known.continuity``), when etcd must be asked for more, and how a doubt
ends; refuses to know the contents of the mirror.

Note [A doubt lasts]
    A history that went back may go on until nothing shows it any more. So the first list that is not believed begins a
    doubt, which is stored in the state directory, and only a person ends it, never a later list: Note [A decision that
    is not stale] in ``daprdockr.model.stored.doubts``. The exception is an etcd that is another cluster, or lost its
    identity: when the known one is back in its place, its lists are judged as before.

Note [A question about the past]
    In a list, a key that was deleted while this agent was disconnected is absent like a key that never existed. Unless
    a mark distinguishes the two, etcd is asked for its contents at the revision known here. Until it answers, the
    changes of the watch wait.

Note [Changes follow their list]
    When that question cannot be answered, the list is put off: another one is read ``ASK_AGAIN`` seconds later. The
    changes reported until then continue the list that was put off, not what is known here. Taken over without it, they
    would raise the known revision past changes that this agent never saw, and the next answer about the past would
    refute an etcd that is right. So they are dropped: the next list contains them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.agent.mirror.kept_doubt import KeptDoubt
from daprdockr.agent.statedir import StateDir
from daprdockr.model.errors import EtcdError, EtcdHistoryLost
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.known.continuity import refutation
from daprdockr.model.known.history import BrokenHistory, ForeignEtcd
from daprdockr.model.known.pending import Pending
from daprdockr.model.seams import Store
from daprdockr.model.stored.doubts import Doubt, is_over
from daprdockr.model.stored.entries import Batch, Entry, Listing
from daprdockr.model.troubles.etcd import EtcdDoubted
from daprdockr.runtime.pool import Run

MOST_BYTES = 4 * 1024 * 1024
"""The most bytes of changes that wait for the answer about the past."""

ASK_AGAIN = 5.0
"""Seconds until another list, after one that could not be judged."""


class Believer(Protocol):
    """The mirror, as it takes over what is believed."""

    def take_list(self, listing: Listing) -> None: ...

    def take_anew(self, listing: Listing) -> Deferred[None]:
        """Take over a list although it contradicts what is known; fires when it is in the state directory."""

    def take_changes(self, batch: Batch) -> None: ...

    def freeze(self, doubted: EtcdDoubted) -> None: ...

    def lose_touch(self, reason: str) -> None: ...

    def list_again(self, after: float) -> None: ...


class Belief:
    """:param draw: a random number from 1 to 2**60 - 1."""

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        believer: Believer,
        run: Run,
        cluster: Cluster,
        state: StateDir,
        store: Store,
        draw: Callable[[], int],
    ) -> None:
        self._believer = believer
        self._run = run
        self._cluster = cluster
        self._state = state
        self._store = store
        self._draw = draw
        self._kept = KeptDoubt(reactor=reactor, run=run, state=state)
        self._waiting: Pending | None = None
        self._put_off = False
        self.doubt: Doubt | None = None

    def load(self) -> None:
        """Resume the doubt of an earlier agent, which does not end because its file was damaged."""
        doubted, self.doubt = self._state.had_doubt, self._state.read_doubt()
        if doubted and self.doubt is None:
            self.doubt = Doubt(self._draw(), "an earlier agent doubted this etcd, and its reason cannot be read", True)
            self._keep()
        if self.doubt is not None:
            self._believer.freeze(EtcdDoubted(self.doubt.reason))

    @property
    def condition(self) -> EtcdDoubted | None:
        """The doubt; None if nothing is doubted."""
        return EtcdDoubted(self.doubt.reason) if self.doubt is not None else None

    def listed(self, listing: Listing) -> None:
        """Judge a list."""
        self._waiting, self._put_off = None, False
        if self.doubt is not None and is_over(self.doubt, listing.entries, self._cluster.keys.trust):
            self._begin_anew(listing)
        elif self.doubt is not None and self.doubt.lasts:
            self._believer.freeze(EtcdDoubted(self.doubt.reason))
        else:
            self._judge(listing)

    def changed(self, batch: Batch) -> None:
        """Take the changes since the last list."""
        if self.doubt is not None:
            if is_over(self.doubt, batch.changes, self._cluster.keys.trust):
                self._believer.list_again(0)
        elif batch.cluster_id != self._cluster.cluster_id:
            self._begin(f"a change came from another etcd cluster ({batch.cluster_id:x})", lasts=False)
        elif self._waiting is not None:
            self._wait(self._waiting, batch)
        elif not self._put_off:
            self._believer.take_changes(batch)

    def begin(self, reason: str) -> None:
        """Begin a doubt that lasts."""
        self._begin(reason, lasts=True)

    def lost(self) -> None:
        """Take note that the watch broke."""
        self._cluster.history.unbroken = False  # Note [Marks of an unbroken history] in ``known.history``
        if self._waiting is not None:
            self._list_later()

    def _judge(self, listing: Listing) -> None:
        try:
            missed = self._cluster.judge(listing)
        except ForeignEtcd as error:
            self._begin(str(error), lasts=isinstance(error, BrokenHistory))
            return
        if not missed:
            self._take(listing)
            return
        self._waiting = Pending(listing.cluster_id)
        asked = Deferred.fromCoroutine(self._ask(listing, missed, self._waiting))
        asked.addErrback(lambda failure: self.log.failure("a list could not be judged", failure))

    async def _ask(self, listing: Listing, missed: tuple[Entry, ...], waiting: Pending) -> None:
        """See Note [A question about the past]."""
        keys = self._cluster.keys
        try:
            past = await self._run(self._store.list, keys.mirrored, self._cluster.revision)
        except EtcdHistoryLost:
            past = None
        except EtcdError as error:
            self.log.warn("etcd did not return its contents at the known revision: {reason}", reason=error)
            if self._waiting is waiting:
                self._believer.lose_touch(str(error))
                self._list_later()
            return
        if self._waiting is not waiting:
            return
        self._waiting = None
        reason = refutation(missed, past, listing, keys)
        if reason:
            self.begin(reason)
        else:
            self._take(listing)
            self._believer.take_changes(waiting.batch)

    def _take(self, listing: Listing) -> None:
        if self.doubt is not None:
            self.log.info("the etcd that is known here is back")
            self.doubt = None
            self._keep()
        self._believer.take_list(listing)

    def _wait(self, waiting: Pending, batch: Batch) -> None:
        waiting.add(batch)
        if waiting.size > MOST_BYTES:
            self._believer.lose_touch("more is written to etcd than can wait until its list is judged")
            self._list_later()

    def _list_later(self) -> None:
        """See Note [Changes follow their list]."""
        self._waiting, self._put_off = None, True
        self._believer.list_again(ASK_AGAIN)

    def _begin(self, reason: str, *, lasts: bool) -> None:
        """See Note [A doubt lasts]."""
        doubt = Doubt(self.doubt.number if self.doubt is not None else self._draw(), reason, lasts)
        if doubt != self.doubt:
            self.doubt = doubt
            self._keep()
        self._believer.freeze(EtcdDoubted(reason))

    def _begin_anew(self, listing: Listing) -> None:
        self.log.info("a person ended the doubt about etcd: {reason}", reason=self.doubt and self.doubt.reason)
        self.doubt = None
        # Only after the new history was stored: otherwise an agent that starts now would doubt again.
        self._believer.take_anew(listing).addCallbacks(lambda _: self._keep(), self._not_kept)

    def _not_kept(self, failure: Failure) -> None:
        """The doubt stays in the state directory, so that the next agent asks for the person's decision again."""
        if failure.check(OSError):
            reason = failure.getErrorMessage()
            self.log.warn("the history that is believed now is not kept yet: {reason}", reason=reason)
        else:
            self.log.failure("the history that is believed now was not kept", failure)

    def _keep(self) -> None:
        self._kept.keep(self.doubt)
