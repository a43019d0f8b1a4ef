"""
The images of a Docker Engine as archives: saved, loaded, and which layers it has.

Blocking: runs in threads of a pool or in a command line. Each call has a client of its own, because it may take
minutes.

Note [Images of containerd]
    An Engine may store its images by containerd. The id of an image is then another digest, and its layers are
    compressed, so it takes and gives whole archives only. It loads those that other Engines write.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import frozen
from docker import APIClient

from daprdockr.engine import answers
from daprdockr.engine.clients import EngineClients
from daprdockr.engine.failures import asking, complaint_in
from daprdockr.model.errors import EngineRefused, ImageAbsent
from daprdockr.model.images import MOST_LAYERS, HeldImage, ImageOffer, ImageStock
from daprdockr.model.names import one_line, shorten
from daprdockr.planning.handing import held_layers

TIMEOUT = 60
STOCK_TIMEOUT = 20
"""Seconds for each answer on which somebody waits who asks for the stock: another node, or a person who pushes."""

SILENCE = 300
"""Seconds without a sign of an Engine that saves or loads: it says nothing while it reads or writes a large layer."""

MOST_IMAGES = 1000
"""Of more images only the newest are searched for layers."""

_CONTAINERD = "io.containerd.snapshotter.v1"
_CHUNK = 256 * 1024


@frozen
class StoredImage:
    """An image that an Engine has: its id, its layers, the lowest first, its names, and its size in octets."""

    id: str
    layers: tuple[str, ...]
    references: tuple[str, ...]
    size: int


class EngineImages:
    """
    :param url: as in DOCKER_HOST: ``unix:///path`` or ``tcp://host:port``.
    """

    def __init__(self, url: str) -> None:
        self._clients = EngineClients(url, TIMEOUT)
        self._layers: dict[str, tuple[str, ...]] = {}

    def look(self, reference: str) -> StoredImage | None:
        """Return an image, or None when it is not there. :raises EngineError: the Engine does not answer."""
        with self._asking(f"inspect image {shorten(reference)}") as client:
            return _look(client, reference)

    def stores_whole(self, timeout: int = TIMEOUT) -> bool:
        """Return whether it takes whole archives only: Note [Images of containerd]."""
        with self._asking("say how it stores images", timeout) as client:
            return _CONTAINERD in str(client.info().get("DriverStatus"))

    def stock(self, image: str, reference: str, layers: tuple[str, ...]) -> ImageStock:
        """Return what it has of an image. :raises EngineError: the Engine does not answer."""
        whole = self.stores_whole(STOCK_TIMEOUT)
        with self._asking("list its images", STOCK_TIMEOUT) as client:
            found = _look(client, reference if whole and reference else image)
            has = found is not None and found.id == image and (not reference or reference in found.references)
            return ImageStock(0 if whole else held_layers(layers, self._all_layers(client)), has)

    def offer(self, reference: str) -> ImageOffer | None:
        """Return what others should know of an image; None when it is not there. :raises EngineError: as ``look``."""
        whole = self.stores_whole()
        with self._asking(f"inspect image {shorten(reference)}") as client:
            found = _inspected(client, reference)
        return None if found is None else _offer(found, whole, answers.image(found, reference).digest)

    def platform(self) -> str:
        """Return the platform of the images that it runs. :raises EngineError: as ``look``."""
        with self._asking("say what it runs on") as client:
            found = client.version()
            return f"{found.get('Os')}/{found.get('Arch')}"

    def _all_layers(self, client: APIClient) -> list[tuple[str, ...]]:
        """An image never changes, so each is inspected once."""
        listed = sorted(client.images(), key=lambda one: int(one.get("Created") or 0), reverse=True)
        ids = [str(one["Id"]) for one in listed[:MOST_IMAGES]]
        before = self._layers  # a call in another thread may replace it
        layers = {one: before[one] for one in ids if one in before}
        for one in ids:
            if one not in layers and (found := _look(client, one)) is not None:
                layers[one] = found.layers
        self._layers = layers
        return list(layers.values())

    def save(self, reference: str) -> Iterator[bytes]:
        """Yield the archive of an image. :raises EngineError: it is not there, or cannot be read."""
        with self._asking(f"save image {shorten(reference)}", SILENCE) as client:
            yield from client.get_image(reference, _CHUNK)

    def load(self, pieces: Iterator[bytes]) -> None:
        """Load the images of an archive. :raises EngineError: it does not take them."""
        with self._asking("load an image", SILENCE) as client:
            for said in client.load_image(pieces):
                if complaint := complaint_in(said):
                    raise EngineRefused(f"the Docker Engine could not load the image: {one_line(complaint)}")

    def has(self, image: str, reference: str) -> bool:
        """Return whether an image is there, by this name ("": by any)."""
        found = self.look(reference or image)
        if found is None:
            return False
        return found.id == image or self.stores_whole()  # Note [Images of containerd]

    def held(self) -> tuple[HeldImage, ...]:
        """Return all images, but for layers in between. :raises EngineError: the Engine does not answer."""
        with self._asking("list its images") as client:
            used = {str(one.get("ImageID")) for one in client.containers(all=True)}
            return tuple(_held(one, used) for one in client.images())

    def remove(self, image: HeldImage) -> bool:
        """
        Remove an image, but not from a container; return whether it is gone.

        :raises EngineError: the Engine does not answer.
        """
        with self._asking(f"remove image {image.id}") as client:
            for name in (*image.references, *image.digests):
                try:
                    with asking(f"remove image {shorten(name)}"):
                        client.remove_image(name)
                except ImageAbsent:
                    continue  # with its last tag an image loses the names with digests, too
                except EngineRefused:
                    return False
            return _look(client, image.id) is None

    def close(self) -> None:
        self._clients.close()

    @contextmanager
    def _asking(self, doing: str, timeout: int = TIMEOUT) -> Iterator[APIClient]:
        with asking(doing), self._clients.own(timeout, min(timeout, TIMEOUT)) as client:
            client.timeout = timeout
            yield client


def _inspected(client: APIClient, reference: str) -> Mapping[str, Any] | None:
    try:
        with asking(f"inspect image {shorten(reference)}"):
            found: Mapping[str, Any] = client.inspect_image(reference)
            return found
    except ImageAbsent:
        return None


def _look(client: APIClient, reference: str) -> StoredImage | None:
    found = _inspected(client, reference)
    if found is None:
        return None
    return StoredImage(str(found["Id"]), _layers(found), tuple(found.get("RepoTags") or ()), _size(found))


def _offer(found: Mapping[str, Any], whole: bool, digest: str) -> ImageOffer:
    platform = f"{found.get('Os') or ''}/{found.get('Architecture') or ''}".strip("/")
    image = "" if whole else str(found["Id"])  # Note [Images of containerd]
    return ImageOffer(image, _layers(found), _size(found), answers.built(found), platform, digest)


def _layers(found: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(map(str, (found.get("RootFS") or {}).get("Layers") or ()))[:MOST_LAYERS]


def _size(found: Mapping[str, Any]) -> int:
    return int(found.get("Size") or 0)


def _held(summary: Mapping[str, Any], used: Collection[str]) -> HeldImage:
    def names(member: str) -> tuple[str, ...]:
        return tuple(str(one) for one in summary.get(member) or () if not str(one).startswith("<none>"))

    return HeldImage(str(summary["Id"]), names("RepoTags"), names("RepoDigests"), summary["Id"] in used)
