"""The things that ``daprdockrcmd init`` has still to make on a host that becomes the first of a cluster."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum


class Founding(Enum):
    """The things that the first host has, in the order in which it is made; the value describes it for people."""

    AUTHORITY = "the authority that signs the certificates of members and clients"
    HOST_KEY = "the private key of this host"
    CERTIFICATES = "the certificates of this host"
    CLUSTER_KEY = "the cluster key, which opens secrets: keep a copy of it"
    ENDPOINTS = "the list of the members of etcd"
    PART = "the member of etcd on this host"


def to_make(there: Collection[Founding]) -> tuple[Founding, ...]:
    """
    Return what is missing, in its order.

    Certificates are made again for another key or authority. Nothing else is: data would be lost with it.
    """
    missing = {one for one in Founding if one not in there}
    if missing & {Founding.AUTHORITY, Founding.HOST_KEY}:
        missing.add(Founding.CERTIFICATES)
    return tuple(one for one in Founding if one in missing)
