"""``push``: an image of the Docker Engine here, for nodes without a registry."""

from __future__ import annotations

import re
import tempfile
import time
from functools import partial

from daprdockr.arguments.parameter import engine_url
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import author
from daprdockr.cli.pushing import MOST_NODES, Push, SavedImage, megabytes, pushed_to, saved
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput, EngineUnavailable, NotFound
from daprdockr.model.images import image_reference, is_image_id
from daprdockr.model.seams import Store
from daprdockr.sessions.client import Sessions

HOST = "DOCKER_HOST"
DOCKER = "unix:///var/run/docker.sock"

_LIKE_ID = re.compile("(?:sha256:)?[0-9a-f]{6,64}", re.ASCII)
"""An id without its kind, or a part of one; it counts as a name."""


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
    engine = EngineImages(_engine_url(request))
    sessions = Sessions(store, request.keys, author(request), time.monotonic)
    pushing = Push(sessions, records, console.tell, time.sleep)
    try:
        image = _carried_out(engine, request.words[0], pushing)
    except EngineUnavailable as error:
        raise EngineUnavailable(f"{error} ({_asked(request)})") from None
    finally:
        engine.close()
    _show(request, console, pushing, image, wanted)
    pushing.check(wanted)


def _engine_url(request: Request) -> str:
    """:raises BadInput: DOCKER_HOST is not usable."""
    try:
        return engine_url(request.environment.get(HOST) or DOCKER)
    except BadInput as error:
        raise BadInput(f"{HOST} names the Docker Engine of this machine: {error}") from None


def _asked(request: Request) -> str:
    """Return which Engine was asked, and how another one is named."""
    named = request.environment.get(HOST)
    return f"{HOST} is {named}" if named else f"it is asked at {DOCKER}, set {HOST} for another one"


def _absent(word: str, wanted: str) -> NotFound:
    text = f"the Docker Engine here has no image {wanted}: docker images lists what it has"
    hint = ", and to push an id write sha256: and all of its 64 digits" if _LIKE_ID.fullmatch(word) else ""
    return NotFound(text + hint)


def _carried_out(engine: object, word: str, pushing: Push) -> SavedImage:
    from daprdockr.engine.images import EngineImages

    assert isinstance(engine, EngineImages)
    wanted = image_reference(word)
    found = engine.look(wanted)
    if found is None:
        raise _absent(word, wanted)
    name = "" if is_image_id(wanted) else wanted
    with tempfile.TemporaryFile() as file:
        whole = engine.stores_whole()  # its ids are others: Note [Images of containerd] in ``engine.images``
        # By its id, because its name may lead to another image when the nodes have said what they have of this one.
        read = partial(saved, engine, wanted if whole else found.id, name, file)
        archive = read() if whole else None
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
    _engine_url(request)


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
        " on stderr; nodes that do not have the image at the end are named there, and the exit status is 1. An event of"
        " the image says who pushed it",
    ),
)
