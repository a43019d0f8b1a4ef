"""``push``: an image of the Docker Engine here, for nodes without a registry."""

from __future__ import annotations

import tempfile
import time
from functools import partial

from daprdockr.arguments.parameter import engine_url
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import author
from daprdockr.cli.pushing import MOST_NODES, Push, SavedImage, megabytes, pushed_to, saved
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput, NotFound
from daprdockr.model.images import image_reference, is_image_id
from daprdockr.model.seams import Store
from daprdockr.sessions.client import Sessions

DOCKER = "unix:///var/run/docker.sock"


def push(request: Request, store: Store, console: Console) -> None:
    """
    :raises NotFound: the Engine here has no such image, or there is no such node.
    :raises PushFailed: not all nodes have it.
    """
    from daprdockr.engine.images import EngineImages

    wanted = image_reference(request.words[0])
    records = pushed_to(store, request.keys, request.nodes)
    if len(records) > MOST_NODES:
        raise BadInput(f"{len(records)} nodes are too many for one push: name at most {MOST_NODES} with -node")
    engine = EngineImages(engine_url(request.environment.get("DOCKER_HOST") or DOCKER))
    sessions = Sessions(store, request.keys, author(request), time.monotonic)
    pushing = Push(sessions, records, console.tell, time.sleep)
    try:
        image = _carried_out(engine, wanted, pushing)
    finally:
        engine.close()
    _show(request, console, pushing, image, wanted)
    pushing.check(wanted)


def _carried_out(engine: object, wanted: str, pushing: Push) -> SavedImage:
    from daprdockr.engine.images import EngineImages

    assert isinstance(engine, EngineImages)
    found = engine.look(wanted)
    if found is None:
        raise NotFound(f"the Docker Engine here has no image {wanted}: docker images lists what it has")
    name = "" if is_image_id(wanted) else wanted
    with tempfile.TemporaryFile() as file:
        read = partial(saved, engine, wanted, name, file)
        archive = read() if engine.stores_whole() else None  # its ids are others: Note [Images of containerd]
        image = SavedImage(archive.image if archive else found.id, name, found.layers)
        nodes = pushing.ask(image)
        if nodes:
            pushing.say(f"reading {wanted} from the Docker Engine here, {megabytes(found.size)}")
            pushing.hand(archive or read(), nodes)
    return image


def _show(request: Request, console: Console, pushing: Push, image: SavedImage, wanted: str) -> None:
    done = [pushing.done[node] for node in sorted(pushing.done)]
    if request.json:
        nodes = [{"Node": one.node, "Octets": one.octets, "Failed": one.failed} for one in done]
        console.print_json({"Image": image.id, "Reference": image.reference, "Sent": pushing.sent, "Nodes": nodes})
        return
    have = sum(not one.failed for one in done)
    console.say(f"{wanted} is on {have} of {len(done)} nodes, {megabytes(pushing.sent)} were sent from here")


def _check(request: Request) -> None:
    if len(request.words) != 1:
        raise BadInput("push needs the name of one image: docker images lists those of this machine")
    image_reference(request.words[0])


COMMAND = Command(
    name="push",
    usage=(("push IMAGE", "send an image of the Docker Engine here to all nodes, without a registry"),),
    run=push,
    flags=("node", "o"),
    word="IMAGE",
    check=_check,
    reference=(
        "send an image of the Docker Engine of this machine (``DOCKER_HOST``) to all nodes, or to those of ``-node``."
        " Only the layers that a node lacks are sent, from here once: the nodes hand them on to each other. Progress is"
        " on stderr; nodes that do not have the image at the end are named there, and the exit status is 1",
    ),
)
