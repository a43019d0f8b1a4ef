"""
The files by which a host belongs to a cluster that ``daprdockrcmd init`` made, below ``cluster`` in its state
directory. Blocking.

Note [The last file counts]
    ``init`` and ``join`` write one file after the other, each whole or not at all, and ``host.json`` last: a host that
    has it belongs to the cluster, and one that has only the others was interrupted. The same command goes on then with
    what is there, so that a key is never made twice.

Note [Alone at one start]
    ``daprdockrcmd recover`` has etcd give up all other members at its next start. At a later start that would give up
    the members that joined since, so the request is removed before etcd is started with it. An etcd that does not come
    up then keeps all its members, and the command is given again.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import field, frozen

from daprdockr.etcd.address import Access
from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import HostPart
from daprdockr.model.reading import list_of, parse_json, text
from daprdockr.model.stored.certificate import CertificatePair
from daprdockr.process.atomic import replace_file

FOLDER = "cluster"
LEFT = b"left"
"""The content of the mark of a host that leaves when only what the host itself has is left to remove."""

_LONGEST = 64 * 1024


@frozen
class ClusterFiles:
    """:param state: the state directory of the agent."""

    state: Path
    directory: Path = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "directory", self.state / FOLDER)

    @property
    def authority(self) -> Path:
        """The certificate of the authority that signed all others."""
        return self.directory / "ca.pem"

    @property
    def authority_key(self) -> Path:
        """The authority's key: on hosts with a member alone, because they admit others."""
        return self.directory / "ca.key"

    @property
    def host_key(self) -> Path:
        """The private key of this host, which was made here and stays here."""
        return self.directory / "host.key"

    @property
    def cluster_key(self) -> Path:
        """The keys that open secrets, beside the directory, where every agent has them."""
        return self.state / "cluster.key"

    @property
    def member_certificate(self) -> Path:
        return self.directory / "member.pem"

    @property
    def agent_certificate(self) -> Path:
        return self.directory / "agent.pem"

    @property
    def host(self) -> Path:
        return self.directory / "host.json"

    @property
    def endpoints(self) -> Path:
        return self.directory / "endpoints.json"

    @property
    def began(self) -> Path:
        """The mark of a host whose member was seen among the others, and so had data."""
        return self.directory / "began"

    @property
    def has_data(self) -> bool:
        """Whether the member of this host has its data."""
        return (self.state / "etcd" / "data" / "member").exists()

    def check_data(self, part: HostPart) -> None:
        """
        :raises BadInput: the member's data are gone. That of the first host would make an empty cluster in their place,
            and another one vote without what it has confirmed, which etcd does not survive.
        """
        if self.has_data or not self.began.exists():
            return
        lost = f"the data of etcd in {self.state}/etcd/data are gone"
        if not part.cluster:
            raise BadInput(
                f"{lost}, and the others count on what this member had: end the agent, move this state directory away,"
                " and join again"
            )
        raise BadInput(
            f"{lost}, and an empty cluster would take their place: if other hosts have a member, move this state"
            f" directory away and join; if none has, remove {self.began}, and restore a backup afterwards"
        )

    @property
    def etcd_process(self) -> Path:
        """The record of the process of the member."""
        return self.state / "etcd" / "process.json"

    @property
    def recovery(self) -> Path:
        """The request that the member goes on alone at its next start: Note [Alone at one start]."""
        return self.directory / "recover"

    @property
    def leaving(self) -> Path:
        """The mark of a host that has nothing to hand over any more, and leaves."""
        return self.directory / "leaving"

    @property
    def has_left(self) -> bool:
        """Whether etcd has nothing of this host any more. :raises BadInput: the mark cannot be read."""
        return self.read(self.leaving) == LEFT

    def stay(self) -> None:
        """
        Forget a ``leave`` that was given up when all was handed over: the agent begins again, and gets instances. A
        host of which etcd has nothing any more goes on leaving.
        """
        with suppress(BadInput, OSError):
            if not self.has_left:
                self.leaving.unlink(missing_ok=True)

    def take_recovery(self) -> bool:
        """Return whether the member is to go on alone, once. :raises BadInput: the request cannot be removed."""
        try:
            self.recovery.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise BadInput(f"{self.recovery} cannot be removed: {error.strerror}") from None
        return True

    def write(self, path: Path, content: bytes) -> None:
        """:raises BadInput: it cannot be written; it is as before then."""
        self._make_directory()
        try:
            replace_file(path, content, synced=True)
        except OSError as error:
            raise BadInput(f"{path} cannot be written: {error.strerror}") from None

    @contextmanager
    def alone(self, say: Callable[[str], object]) -> Iterator[None]:
        """
        Wait until no other command makes these files, and hold off others meanwhile: two that ran at once could leave a
        key with the certificate of another one, and no later attempt would replace it.

        :param say: takes the line that it waits, which has no end while somebody has suspended the other one.
        :raises BadInput: the directory cannot be made.
        """
        self._make_directory()
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another init or join goes on here: waiting for its end")
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _make_directory(self) -> None:
        """:raises BadInput: it cannot be made."""
        try:
            for path in (self.state, self.directory):  # "parents" would leave it to the umask who may use the first
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"{path} cannot be made: {error.strerror}") from None

    def read(self, path: Path) -> bytes | None:
        """Return the content of one of these files; None where there is none. :raises BadInput: it cannot be read."""
        try:
            with path.open("rb") as file:
                return file.read(_LONGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}") from None

    def authority_pair(self) -> CertificatePair:
        """Return the authority of the cluster. :raises BadInput: this host has not got it, because it has no member."""
        chain, key = self.read(self.authority), self.read(self.authority_key)
        if chain is None or key is None:
            raise BadInput(f"{self.authority_key} is missing: ask a host that has a member of etcd")
        return CertificatePair(chain.decode(), key.decode())

    def become(self, part: HostPart) -> None:
        """
        Make this host a part of a cluster, by the last file. Marks of a former one, which somebody removed by hand, do
        not count for this one; and a client keeps nothing that an interrupted attempt to be a member received.

        :raises BadInput: a file cannot be written, or removed.
        """
        of_members = () if part.is_member else (self.authority_key, self.member_certificate)
        for path in (self.began, self.recovery, self.leaving, *of_members):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise BadInput(f"{path} cannot be removed: {error.strerror}") from None
        self.write(self.host, part.encode())

    def part(self) -> HostPart | None:
        """Return this host's part in the cluster; None: it has none. :raises BadInput: the file cannot be read."""
        content = self.read(self.host)
        return None if content is None else HostPart.decode(content)

    def write_endpoints(self, urls: tuple[str, ...]) -> None:
        self.write(self.endpoints, json.dumps(urls).encode())

    def access(self) -> Access | None:
        """
        Return the way to the members of the cluster; None where this host belongs to none, or the user may not know.

        :raises BadInput: a file is damaged.
        """
        try:
            content = self.read(self.endpoints)
        except BadInput:
            return None  # it is root's, and somebody else asks
        if content is None:
            return None
        urls = list_of(text)(parse_json(content), str(self.endpoints))
        return Access.parse(",".join(urls), ca=self.authority, cert=self.agent_certificate, key=self.host_key)
