"""
Entries in etcd that last as long as a command line that runs, and are gone soon after one that was killed.

Note [A lease that is renewed]
    The lease is short, because nobody revokes it when the command line is killed, or etcd is away at its end. A thread
    renews it meanwhile. If etcd was away for longer than it lasts, all is written anew under another one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from attrs import define, field

from daprdockr.model.errors import EtcdError
from daprdockr.model.seams import Store

LIFE = 120
"""Seconds for which they last after the last renewal."""

EVERY = 30.0


@contextmanager
def lent(store: Store, entries: Mapping[str, bytes]) -> Iterator[None]:
    """Keep entries in etcd meanwhile: Note [A lease that is renewed]. :raises EtcdError: it does not take them."""
    kept = _Kept(store, entries)
    renewing = threading.Thread(target=kept.renew_until_over, daemon=True)
    try:
        kept.write()
        renewing.start()
        yield
    finally:
        kept.over.set()
        if renewing.ident is not None:
            renewing.join()
        with suppress(EtcdError):  # the lease ends by itself
            store.revoke(kept.lease)


@define(eq=False)
class _Kept:
    store: Store
    entries: Mapping[str, bytes]
    lease: int = field(default=0, init=False)
    over: threading.Event = field(factory=threading.Event, init=False)

    def write(self) -> None:
        self.lease = self.store.grant(LIFE).id
        for key, value in self.entries.items():
            self.store.put(key, value, self.lease)

    def renew_until_over(self) -> None:
        while not self.over.wait(EVERY):
            with suppress(EtcdError):  # the next turn tries again
                if not self.store.keep_alive(self.lease):
                    self.write()
