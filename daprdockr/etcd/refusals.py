# -*- test-case-name: tests.unit.etcd.test_errors -*-
"""etcd's refusals, in a sentence with the remedy. Pure; knows etcd's texts, and nothing of gRPC."""

from __future__ import annotations

from daprdockr.etcd.address import Access
from daprdockr.model.errors import EtcdForbidden, EtcdReadOnly, EtcdRefused

_FULL = "its database is as large as its quota (alarm NOSPACE): compact and defragment it, or raise "
_FULL += "--quota-backend-bytes, and then run etcdctl alarm disarm"
_CORRUPT = "its members disagree (alarm CORRUPT): replace the member that differs, and then run etcdctl alarm disarm"
_NAMELESS = "authentication is switched on there: give --etcd-user and --etcd-password-file"
_NOT_SWITCHED_ON = "authentication is not enabled there: leave out --etcd-user, or run etcdctl auth enable"


def refusal(details: str, access: Access) -> EtcdRefused:
    """
    Return our error for a refusal.

    :param details: etcd's text, without its ``etcdserver:``.
    """
    who = f"user {access.user}" if access.user else "the user of --etcd-cert" if access.cert else "this client"
    if "database space exceeded" in details:
        return EtcdReadOnly(f"etcd refuses all writes, for {_FULL}")
    if "corrupt cluster" in details:
        return EtcdReadOnly(f"etcd refuses all requests, for {_CORRUPT}")
    if "user name is empty" in details:
        return EtcdForbidden(f"etcd refuses a client without a name, for {_NAMELESS}")
    if "authentication is not enabled" in details:
        return EtcdForbidden(f"etcd refuses {who}, for {_NOT_SWITCHED_ON}")
    if "authentication failed" in details or "user name not found" in details:
        return EtcdForbidden(f"etcd refuses {who} ({details}): check --etcd-user and --etcd-password-file")
    if "invalid auth token" in details or "auth store is old" in details:
        return EtcdForbidden(f"etcd refuses {who} ({details}): check that all members have the same authentication")
    if details == "auth: permission denied":
        return EtcdForbidden(f"etcd refuses {who} (permission denied): this takes its user root")
    if "permission denied" in details:
        return EtcdForbidden(
            f"etcd refuses {who} (permission denied): people need the role reader, and operator to change something,"
            " agents the role agent, as docs/reference/etcd-roles.rst has them"
        )
    return EtcdRefused(f"etcd refused: {details}")
