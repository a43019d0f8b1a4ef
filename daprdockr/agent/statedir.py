"""
The state directory: everything this agent writes, one file for each thing it must know after a restart.

Blocking; called before the reactor runs, or in a thread. A file that cannot be read counts as absent, and the reason is
logged: an agent that forgot is slower, an agent that does not start is worse. See Note [Set aside] in ``process.kept``.

Note [Nobody else's paths]
    An agent is usually root, and anybody who can rename a directory on the way to its own, or plants a link under a
    name it will write to, can make root write anywhere. So each directory on the way must be one that no other user may
    replace, the directory itself is closed to everybody else before anything in it is opened, and no link in it is
    followed. Where any user may replace it the start is refused. Where one user may, or a group, it is only a warning:
    that is so in each directory below somebody's home, and root may trust him.

Note [Orders without room]
    The guard kills a container whose deadline is not moved, so orders must reach it when the disk is full as well. They
    do so by memory (Note [Orders without a disk] in ``guard.memory``), unless agent or guard is an older one; and a
    guard that finds no memory goes by the last ones on the disk. The file is therefore padded with blanks to a multiple
    of 4 KiB, and where there is no room for a new one the old one is overwritten in place, which takes no room on a
    file system that does not copy on writing. The guard may read while it is being overwritten: the checksum in the
    orders shows it, and the guard reads again a tenth of a second later.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import stat
import zlib
from collections.abc import Mapping
from pathlib import Path

from twisted.logger import Logger

from daprdockr.agent.holder import Holder
from daprdockr.agent.replaceable import replaceable, ways
from daprdockr.guard.disk import LONGEST, ORDERS
from daprdockr.guard.orders import Orders
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten
from daprdockr.model.reading import integer, parse_json
from daprdockr.model.stored.doubts import Doubt
from daprdockr.model.stored.entries import Listing
from daprdockr.model.stored.snapshot import MAX_BYTES, decode_listing, encode_listing
from daprdockr.process.atomic import is_full, overwrite, replace_file
from daprdockr.process.held import LOCK
from daprdockr.process.kept import SUFFIX, read_kept, set_mode, tidy, tidy_file

_LEASE = integer(0, 2**63 - 1)
_ROOM = 4096
_SMALL = 64 * 1024
_LISTING, _DOUBT = "cluster.json", "doubt.json"
CERTIFICATES = "certificates.json"
"""The file of the sealed certificates: ``certifying.sealed_pairs``."""
PEER = "peer.json"
"""The file of the certificate that this node shows to its peers: ``peer.own``."""
_LEASE_FILES = ("lease.json", "lease-copy.json")
FILES = (_LISTING, ORDERS, _DOUBT, CERTIFICATES, PEER, *_LEASE_FILES)
_ELSE = "choose a directory that root, or the agent's user, alone may change"
DIRECTORIES = ("cluster", "etcd", "guard", "nginx", "relay")
_BEFORE_US = ("cluster.key", "lost+found")
"""These may be in a directory before an agent uses it."""


class StateDir:
    """:param path: created if it does not exist; one agent at a time."""

    log = Logger()

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None
        self.holder = Holder()
        """This agent; its cluster is added when it is known."""

    def lock(self) -> None:
        """:raises BadInput: another agent uses this directory, or it cannot be created, or others could replace it."""
        try:
            self._refuse_planted()
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._refuse_planted()
            self._refuse_shared()
            self._close_to_others()
            self._lock = self._opened_lock()
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._tidy()
            if found := replaceable(self.path):
                self.log.warn(
                    "others may replace --state-dir {path}, {found}: {remedy}",
                    path=self.path,
                    found=found,
                    remedy=_ELSE,
                )
        except BlockingIOError:
            raise BadInput(f"--state-dir {self.path} is in use by another agent: give each its own") from None
        except OSError as error:
            raise BadInput(f"--state-dir {self.path} cannot be used: {error.strerror}") from None

    def _refuse_planted(self) -> None:
        """:raises BadInput: another user may replace the directory, or has done so."""
        for place in (place for way in ways(self.path) for place in (way, *way.parents[:-1])):
            above = place.parent.stat().st_mode if place.parent.exists() else 0
            if above & stat.S_IWOTH and not above & stat.S_ISVTX:
                raise BadInput(
                    f"--state-dir {self.path} lies in {place.parent}, where any user may replace it: {_ELSE}"
                )
            status = place.lstat() if os.path.lexists(place) else None
            if status and status.st_uid not in (0, os.geteuid()) and (above & stat.S_IWOTH or place.is_symlink()):
                raise BadInput(f"--state-dir {self.path}: {place} belongs to user {status.st_uid}: {_ELSE}")

    def _refuse_shared(self) -> None:
        """:raises BadInput: others can read the directory, which is no agent's and not empty, such as /etc."""
        if not self.path.stat().st_mode & 0o077:
            return
        names = sorted(os.listdir(self.path))
        foreign = [name for name in names if name not in (*DIRECTORIES, *_BEFORE_US)]
        if foreign and not any(name.removesuffix(".new") in (LOCK, *FILES) for name in names):
            raise BadInput(
                f"--state-dir {self.path} has files that are no agent's, such as {shorten(foreign[0])}, and would be "
                "closed to their users: name an empty directory"
            )

    def _close_to_others(self) -> None:
        """
        Restrict the directory to its owner. See Note [Nobody else's paths].

        :raises BadInput: the directory belongs to another user.
        :raises OSError: its mode cannot be changed.
        """
        owner = self.path.stat().st_uid
        if owner != os.geteuid():
            raise BadInput(
                f"--state-dir {self.path} belongs to user {owner}, not to user {os.geteuid()} who runs this agent: "
                "choose a directory of your own"
            )
        set_mode(self.path, 0o700)

    def _opened_lock(self) -> int:
        """
        Open the lock file. The file itself excludes another agent: if it has a second name elsewhere it stays as it is.
        """
        path = self.path / LOCK
        if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
            tidy_file(path)
        flags = os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600)
        except OSError as error:
            if error.errno != errno.EROFS:
                raise
            return os.open(path, os.O_RDONLY | flags)

    def _tidy(self) -> None:
        """Restrict the files of an older agent, too, to their owner. :raises OSError: a mode cannot be changed."""
        for name in DIRECTORIES:
            tidy(self.path / name)
        for file in self.path.iterdir():
            if file.name.removesuffix(".new") in FILES:
                tidy_file(file)
            elif file.is_file() and not file.is_symlink() and file.stat().st_nlink == 1:
                set_mode(file, file.stat().st_mode & 0o700)

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read_listing(self) -> Listing | None:
        """Return the last known state of the cluster."""
        return read_kept(self.path / _LISTING, MAX_BYTES, decode_listing)

    def write_listing(self, listing: Listing) -> None:
        replace_file(self.path / _LISTING, encode_listing(listing), synced=True)

    def read_doubt(self) -> Doubt | None:
        """Return why an earlier agent did not believe etcd, unless that is over."""
        return read_kept(self.path / _DOUBT, _SMALL, Doubt.decode)

    @property
    def had_doubt(self) -> bool:
        """Return whether an earlier agent was in doubt about etcd, even if its reason cannot be read."""
        return os.path.lexists(self.path / _DOUBT)

    def write_doubt(self, doubt: Doubt | None) -> None:
        if doubt is None:
            (self.path / _DOUBT).unlink(missing_ok=True)
        else:
            replace_file(self.path / _DOUBT, doubt.encode(), synced=True)

    def read_lease(self) -> int:
        """Return the last lease of our holder, 0 if none is known: Note [A copied state directory] in ``holder``."""
        found = self._kept_leases()
        lease, holder = next((kept for kept in found if kept and kept[0]), (0, self.holder))
        if whose := self.holder.difference(holder):
            self.log.warn("the lease in --state-dir is left alone, it is that of {whose}", whose=whose)
            return 0
        if lease and any(kept != (lease, self.holder) for kept in found):
            with contextlib.suppress(OSError):
                self.write_lease(lease)
        return lease

    def belongs_to(self, holder: Holder) -> None:
        """Make ``holder`` the owner of this directory. See Note [A node that was renamed] in ``holder``."""
        before = next((kept[1] for kept in self._kept_leases() if kept), holder)
        self.holder = holder.after(before)

    def _kept_leases(self) -> list[tuple[int, Holder] | None]:
        return [read_kept(self.path / name, _SMALL, _lease) for name in _LEASE_FILES]

    def write_lease(self, lease: int) -> None:
        """
        Write the lease, twice: a node that forgot its lease loses its claims when that ends, and its containers to
        other nodes. A checksum shows which of the two is damaged where both can be read.
        """
        members = {"Lease": lease, **self.holder.write()}
        content = json.dumps({**members, "Sum": _sum(members)}).encode()
        for name in _LEASE_FILES:
            replace_file(self.path / name, content, synced=True)

    def former_orders(self, boot: str) -> Orders | None:
        """Return the orders of an earlier agent; None: there are none that can be read."""
        return read_kept(self.path / ORDERS, LONGEST, lambda content: Orders.decode(content, boot))

    @property
    def had_guard(self) -> bool:
        """Return whether a guard was ever given orders here, whatever became of them."""
        return any(os.path.lexists(self.path / name) for name in ("guard", ORDERS, ORDERS + SUFFIX))

    def write_guard(self, orders: bytes) -> None:
        """
        Write the orders, unsynced: no orders outlive the boot they were given in, and a beat must not wait for the
        disk.

        :raises OSError: they are not written. See Note [Orders without room].
        """
        path, padded = self.path / ORDERS, orders.ljust(_ROOM * (len(orders) // _ROOM + 1))
        try:
            replace_file(path, padded, synced=False)
        except OSError as error:
            if not is_full(error):
                raise
            overwrite(path, orders)


def _lease(content: bytes) -> tuple[int, Holder]:
    kept = parse_json(content)
    if not isinstance(kept, dict):
        raise BadInput("it is no object")
    if kept.get("Sum", _sum(kept)) != _sum(kept):  # an older agent writes none
        raise BadInput("it is damaged, for its checksum is another one")
    return _LEASE(kept.get("Lease"), "Lease"), Holder.read(kept)


def _sum(members: Mapping[str, object]) -> int:
    """Return the checksum of all members but ``Sum``."""
    return zlib.crc32(json.dumps({**members, "Sum": 0}, sort_keys=True).encode())
