"""Whether a member of etcd answers, asked of itself alone. Blocking."""

from __future__ import annotations

import socket
from contextlib import closing
from urllib.parse import urlsplit

from daprdockr.etcd.address import Access, advertised
from daprdockr.etcd.etcd_members import EtcdMembers
from daprdockr.model.errors import EtcdError
from daprdockr.model.etcd_member import EtcdMember

CONNECT_TIMEOUT = 2.0


def listens(url: str) -> bool:
    """Return whether something listens at a URL; within two seconds."""
    place = urlsplit(url)
    try:
        socket.create_connection((place.hostname or "", place.port or 0), CONNECT_TIMEOUT).close()
    except OSError:
        return False
    return True


def is_up(access: Access, member: EtcdMember) -> bool:
    """
    Return whether a member reads its own data: a learner does, and one without a quorum. One whose process is frozen
    listens, and does not.

    :param access: the credentials.
    """
    own = advertised(member.clients[:1])
    if not own or not listens(member.clients[0]):
        return False
    try:
        with closing(EtcdMembers(access.alone(own[0]), CONNECT_TIMEOUT)) as asked:
            asked.revision()
    except EtcdError:
        return False
    return True
