"""``volume``: where the data of instances is, and the decision of a person to leave it there."""

from __future__ import annotations

from daprdockr.cli.absent import no_such_node
from daprdockr.cli.action_words import ActionWords, check_action, say_done
from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.confirmed import confirm
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import check_exists, show, snapshot
from daprdockr.cli.volume_archives import Archives
from daprdockr.cli.volumes_of_nodes import volumes_of_nodes
from daprdockr.model.errors import BadInput, DaprdockrError, NotFound
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import InstanceName, check_label
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Absent, Put, Unchanged
from daprdockr.model.stored.volume import VolumeRecord
from daprdockr.picture.instances import still_stopping
from daprdockr.picture.volumes import volume_table
from daprdockr.planning.placing.tied import ties

_WORDS = {
    "ls": ActionWords(),
    "backup": ActionWords("an instance, and the name of its volume", 2, 2),
    "restore": ActionWords("an instance, and the name of its volume", 2, 2),
    "move": ActionWords("an instance, and the node on which it is to start", 2, 2, sure=True),
}


class NotMoved(DaprdockrError):
    """An instance is not moved: it has a node, or somebody else was first."""


def volume(request: Request, store: Store, console: Console) -> None:
    """
    :raises NotFound: there is no such service or node, or the instance has no volume.
    :raises NotMoved, NotConfirmed: nothing was changed.
    """
    action, *words = request.words
    match action:
        case "ls":
            cluster = snapshot(request, store)
            found = volumes_of_nodes(request, store, cluster, console.complain)
            show(request, console, volume_table(cluster, found))
        case "move":
            _move(request, store, console, InstanceName.parse(words[0]), words[1])
        case _:
            console.stdout.flush()
            archives, instance = Archives(request, store), InstanceName.parse(words[0])
            (archives.backup if action == "backup" else archives.restore)(instance, words[1])


def _move(request: Request, store: Store, console: Console, instance: InstanceName, node: str) -> None:
    cluster = snapshot(request, store)
    _check_move(cluster, instance, node)
    stored = cluster.volumes(instance.service)[instance.number]
    before, volumes, place = stored.record.node, stored.record.volumes, f"on {stored.record.node}"
    if not stored.record.is_readable:
        before, volumes, place = "", cluster.services[instance.service].definition.container.kept_volumes, "elsewhere"
    names = ", ".join(volumes)
    what = f"{instance} starts on {node} with what volume {names} has there, and the data {place} stays behind"
    without = f"{what}; daprdockrcmd volume move {instance} {node} -yes does that"
    confirm(request, console, f"{what}. Type yes to go on: ", without)
    keys = request.keys
    conditions = Absent(keys.claim(instance)), Unchanged(keys.volumes(instance), stored.revision)
    moved = Put(keys.volumes(instance), VolumeRecord(node, volumes).encode())
    if not store.commit(conditions, (moved,)).succeeded:
        raise NotMoved(f"{instance} got a node at this moment: see daprdockrcmd ps {instance.service}")
    announce(request, store, f"starts on {node}, and its data {place} stays behind", str(instance))
    line = f"{instance} starts on {node}; its data {place} stays there"
    say_done(request, console, line, Instance=str(instance), Node=node, Before=before)


def _check_move(cluster: ClusterView, instance: InstanceName, node: str) -> None:
    """:raises NotFound, NotMoved: it cannot be moved to this node, or need not be."""
    service = instance.service
    check_exists(cluster, service)
    home = ties(cluster.services[service].definition, cluster.volumes(service)).get(instance.number)
    if home is None:
        raise NotFound(f"{instance} has no named volume on any node: nothing keeps it from starting elsewhere")
    if node not in cluster.nodes:
        raise no_such_node(node, cluster.nodes)
    if node == home:
        raise NotMoved(f"the data of {instance} is on {node} already: daprdockrcmd why {instance} says what it lacks")
    claim = cluster.claims(service).get(instance.number)
    if claim is not None and instance.number > cluster.services[service].definition.instances:
        raise NotMoved(f"{instance} is {still_stopping(claim.node)}: daprdockrcmd wait {service}")
    if claim is not None:
        stop = f"daprdockrcmd scale {service}={instance.number - 1}, daprdockrcmd wait {service}"
        raise NotMoved(f"{instance} is on {claim.node} with its data: {stop}, move it, and scale it back")


def _check(request: Request) -> None:
    check_action(request, _WORDS)
    action, *words = request.words
    if words:
        InstanceName.parse(words[0])
    if action == "move":
        check_label(words[1], "node")
    if action in ("backup", "restore") and request.json:
        raise BadInput(f"-o has no use with volume {action}: leave it out")


COMMAND = Command(
    name="volume",
    usage=(
        ("volume ls", "the volumes of instances, and the nodes that have them"),
        ("volume backup INSTANCE VOLUME", "print a volume as a tar archive"),
        ("volume restore INSTANCE VOLUME", "put the tar archive on stdin into a volume"),
        ("volume move INSTANCE NODE [-yes]", "start an instance elsewhere, and leave its data behind"),
    ),
    run=volume,
    flags=("yes", "o"),
    word="ACTION ...",
    choices=tuple(_WORDS),
    kinds={**dict.fromkeys(("backup", "restore"), ("instances", "volumes")), "move": ("instances", "nodes")},
    check=_check,
    reference=(
        "the named volumes of all instances: the node that has each, and how the instance is, or whether it waits for"
        " that node; and the other named volumes of the nodes, with the containers that mount them, or as unused."
        " A node that does not answer is named on stderr",
        "print the content of a named volume as a tar archive, with owners, modes and links, by way of the node with"
        " the instance; its container need not run. Files that change meanwhile may be there in part, so stop the"
        " program's writing first, or use its own means. It fails if the archive is not whole",
        "put the tar archive on stdin into a named volume. Files of the same names are replaced, others stay. The"
        " container need not run; if it does, its program may need a restart afterwards. An event says who did that. If"
        " the archive is cut off, the volume has a part of it, which the line says: restore it again",
        "have an instance that waits for the node with its volumes start on NODE, with what volumes of these names"
        " hold there, perhaps nothing. The data on the other node stays there, and is not used. Asks first, and not"
        " with -yes. An instance that has a node is not moved",
    ),
)
