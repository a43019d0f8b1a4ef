"""``certificates``: those that nodes show for host names, stored sealed or in files, and those for etcd."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from daprdockr import __version__
from daprdockr.cli.action_words import ActionWords, check_action, say_done
from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.given_value import read_given
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import show, snapshot
from daprdockr.model.host_names import host_name
from daprdockr.model.known.view import ClusterView
from daprdockr.model.seams import Store
from daprdockr.model.stored.certificate import MAX_PEM, CertificateFacts
from daprdockr.model.stored.renewal import read_renewals
from daprdockr.picture.certificates import DAY, certificate_table
from daprdockr.planning.renewing.wanted import Covered

if TYPE_CHECKING:
    from daprdockr.cli.certificates import Certificates

_NAMED = 5
"""How many host names of services are named where a certificate covers none of them."""

_WORDS = {
    "add": ActionWords("a certificate and a key, as files", 2, 2),
    "rm": ActionWords("the name of a certificate", 1, 1),
}


def certificates(request: Request, store: Store, console: Console) -> None:
    """
    :raises BadInput: the files are no pair that can be used.
    :raises NotFound: there is no such certificate.
    :raises NoClusterKey: there is nothing to seal to.
    """
    if not request.words:
        _list(request, store, console)
    elif request.words[0] == "rm":
        _remove(request, store, console)
    else:
        _add(request, store, console)


def _list(request: Request, store: Store, console: Console) -> None:
    place = request.keys.renewals
    renewals = read_renewals(store.list(place).entries, place)
    show(request, console, certificate_table(snapshot(request, store), time.time(), renewals))


def _remove(request: Request, store: Store, console: Console) -> None:
    name = host_name(request.words[1])
    _stored(request, store).delete(name)
    announce(request, store, "deleted", f"certificate {name}")
    say_done(request, console, f"the certificate of {name} is deleted", Name=name, Deleted=True)


def _add(request: Request, store: Store, console: Console) -> None:
    stored = _stored(request, store)
    chain, key = (
        read_given(word, console, MAX_PEM, file=file, content=file)
        for word, file in zip(request.words[1:], ("certificate", "key"), strict=True)
    )
    name, record = stored.add(chain, key)
    left = int((record.facts.not_after - time.time()) // DAY)
    announce(request, store, f"stored by {record.by}, {left} days left", f"certificate {name}")
    line = f"the certificate of {', '.join(record.facts.names)} is stored, {left} days left"
    say_done(request, console, line, Name=name, Names=list(record.facts.names), DaysLeft=left)
    cluster = snapshot(request, store)
    _warn_of_no_service(cluster, record.facts, console)
    _warn_of_no_tls(cluster, console)


def _stored(request: Request, store: Store) -> Certificates:
    from daprdockr.cli.certificates import Certificates  # loads the cryptography, which a list does not need

    return Certificates(request, store, time.time)


def _warn_of_no_service(cluster: ClusterView, facts: CertificateFacts, console: Console) -> None:
    """Say that a certificate is for other host names than services have: that of the wrong file, for example."""
    entries = (entry for service in cluster.services.values() for entry in service.definition.http)
    names, covered = sorted({name for entry in entries for name in entry.host_names}), Covered([facts], [])
    if names and not any(covered.has(name, 0.0) for name in names):
        some = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
        console.complain(f"no service has a host name that it covers: the services have {some}")


def _warn_of_no_tls(cluster: ClusterView, console: Console) -> None:
    """Say that no node shows a certificate, unless there is one, or one of another version, which may not say so."""
    nodes = list(cluster.nodes.values())
    if nodes and not any(one.record.tls or one.record.version != __version__ for one in nodes):
        console.complain("no node serves TLS yet: start the agents with --https, as in --https 0.0.0.0:443")


def _check(request: Request) -> None:
    check_action(request, _WORDS, otherwise="the list")
    if request.words and request.words[0] == "rm":
        host_name(request.words[1])


COMMAND = Command(
    name="certificates",
    usage=(
        ("certificates", "certificates: source, days left, names, nodes, next attempt, last error"),
        ("certificates add CRT KEY", "store a certificate and its key, sealed, for all nodes"),
        ("certificates rm NAME", "delete a stored certificate"),
    ),
    run=certificates,
    flags=("o",),
    word="ACTION ...",
    choices=tuple(_WORDS),
    kinds={"rm": ("certificates",)},
    check=_check,
    reference=(
        "certificates by name: where each comes from (``file``, ``stored`` or ``acme``), how many days it is valid, for"
        " which host names, on which nodes its files are, when a CA is asked next, and why the last attempt failed or"
        " nodes cannot use it; host names with ``Tls: require`` that have none; ``etcd client`` and"
        " ``etcd authority`` are those by which nodes reach etcd",
        "seal a certificate with its chain, and the key that belongs to it, both PEM, with the cluster key, and store"
        " it under the first of its names. What was stored under that name is replaced; nodes show it within a second",
        "delete the certificate that is stored under this name; within a second no node shows it any more",
    ),
)
