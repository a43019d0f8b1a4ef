"""
Archives of images, as ``docker save`` writes and ``docker load`` reads them: understood, and written anew with the
layers that somebody lacks.

Nothing is unpacked. An archive that came from elsewhere is read for its parts, and what an Engine loads is written from
these: the image whose id was asked for, by the one name that was asked for, and nothing else that it may hold.

Note [Only the layers that it lacks]
    An Engine loads an archive in which layers are named that are not there, if it has them. It looks them up by their
    content and all below them, so those left out are the lowest ones.
"""

from __future__ import annotations

import json
import os
import posixpath
import tarfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, BinaryIO, NoReturn

from attrs import frozen

from daprdockr.model.errors import BadInput

MOST_ENTRIES = 20_000
MOST_TEXT = 4 * 1024 * 1024
"""The most octets of an image's configuration, and of an archive's list of images."""

MOST_DESCRIPTION = 4 * 1024
"""The most octets of an entry that describes the next one, such as its long name."""

PIECE = 256 * 1024

_DESCRIBES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_UNKNOWN = (tarfile.XGLTYPE, tarfile.GNUTYPE_SPARSE)
_FOREIGN = "it is none that Docker writes"
_BLOCK = tarfile.BLOCKSIZE
_END = 2 * _BLOCK


@frozen
class ArchivedFile:
    """Where a file of an archive lies in it."""

    offset: int
    size: int


@frozen
class ImageArchive:
    """
    An archive in a file that lasts as long as this. May be read by several threads.

    :ivar image: the id of the image, which is the digest of its configuration.
    :ivar reference: the name by which it is loaded, "" for none.
    :ivar layers: the lowest first; None for one that is left out.
    """

    file: BinaryIO
    image: str
    reference: str
    config: ArchivedFile
    layers: tuple[ArchivedFile | None, ...]

    def size(self, held: int) -> int:
        """Return the octets of an archive without so many of the lowest layers."""
        parts = [self.config.size, *(part.size for part in self._lacking(held).values())]
        return sum(_BLOCK + _whole(size) for size in (len(self._list()), *parts)) + _END

    def pieces(self, held: int) -> Iterator[bytes]:
        """
        Yield such an archive, no piece of which is empty. See Note [Only the layers that it lacks].

        :raises OSError: it cannot be read.
        """
        found = self._list()
        yield _header("manifest.json", len(found)) + found + _padding(len(found))
        yield from self._copied(self._config_name, self.config)
        for number, part in self._lacking(held).items():
            yield from self._copied(_layer_name(number), part)
        yield bytes(_END)

    def _lacking(self, held: int) -> dict[int, ArchivedFile]:
        """:raises BadInput: a layer is not here."""
        found = {}
        for number, part in enumerate(self.layers[held:], held):
            if part is None:
                raise BadInput(f"the archive of the image is not usable: layer {number + 1} is not in it")
            found[number] = part
        return found

    @property
    def _config_name(self) -> str:
        return f"{self.image.partition(':')[2]}.json"

    def _list(self) -> bytes:
        names = [_layer_name(number) for number in range(len(self.layers))]
        tags = [self.reference] if self.reference else None
        return json.dumps([{"Config": self._config_name, "RepoTags": tags, "Layers": names}]).encode()

    def _copied(self, name: str, part: ArchivedFile) -> Iterator[bytes]:
        yield _header(name, part.size)
        at, end = part.offset, part.offset + part.size
        while at < end:
            data = os.pread(self.file.fileno(), min(PIECE, end - at), at)
            if not data:
                raise OSError(f"{name} is cut short")
            at += len(data)
            yield data
        if padding := _padding(part.size):
            yield padding


def read_archive(file: BinaryIO, reference: str, image: str = "") -> ImageArchive:
    """
    Return the archive in a file.

    :param image: the id that the image has to have, "" for any.
    :raises BadInput: it is no archive of one image, or of another one.
    """
    file.flush()
    file.seek(0)
    try:
        entries = _entries(file)
        listed = _listed(file, entries)
        config = _part(entries, str(listed["Config"]))
        text = _text(file, config)
        found = f"sha256:{sha256(text).hexdigest()}"
        diffs = json.loads(text)["rootfs"]["diff_ids"]
        names = [str(name) for name in listed["Layers"]]
        if len(names) != len(diffs):
            raise ValueError("it does not name the layers of its image")
    except (tarfile.TarError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"the archive of the image is not usable: {_said(error)}") from None
    except (RecursionError, OverflowError):  # entries, or lists, that are nested without end, and impossible sizes
        raise BadInput(f"the archive of the image is not usable: {_FOREIGN}") from None
    if image and found != image:
        raise BadInput(f"the archive has another image than {image[:19]}: {found[:19]}")
    return ImageArchive(file, found, reference, config, tuple(_optional(entries, name) for name in names))


class _Entry(tarfile.TarInfo):
    """
    An entry that is read at little cost.

    One that describes the next is read into memory as a whole, so its length is checked before. Others are refused
    before more is read of them: what describes all entries is copied for each of them by ``tarfile``, and the list of
    the parts of a sparse file may be as long as the archive.
    """

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        """``tarfile`` names this one for subclasses to override: newer Pythons pass ``frombuf`` over."""
        if self.type in _UNKNOWN or (self.type in _DESCRIBES and self.size > MOST_DESCRIPTION):
            raise ValueError(_FOREIGN)
        return super()._proc_member(archive)  # type: ignore[misc]  # typeshed has no private methods

    def _proc_gnusparse_10(self, *_: object) -> NoReturn:
        raise ValueError(_FOREIGN)


def _entries(file: BinaryIO) -> dict[str, tarfile.TarInfo]:
    found: dict[str, tarfile.TarInfo] = {}
    with tarfile.open(fileobj=file, mode="r:", tarinfo=_Entry) as archive:
        for number, entry in enumerate(archive, 1):
            if number > MOST_ENTRIES or entry.issparse():
                raise ValueError(_FOREIGN)
            entry.pax_headers = {}  # a small text makes a large one
            found[posixpath.normpath(entry.name)] = entry
    return found


def _listed(file: BinaryIO, entries: Mapping[str, tarfile.TarInfo]) -> Any:
    images = json.loads(_text(file, _part(entries, "manifest.json")))
    if not isinstance(images, list) or len(images) != 1:
        raise ValueError("it does not have exactly one image")
    return images[0]


def _part(entries: Mapping[str, tarfile.TarInfo], name: str) -> ArchivedFile:
    found = _optional(entries, name)
    if found is None:
        raise ValueError(f"{name[:80]} is not in it")
    return found


def _optional(entries: Mapping[str, tarfile.TarInfo], name: str) -> ArchivedFile | None:
    """Return a file, or the one that a link in its place leads to: Docker writes the same layer once."""
    entry = entries.get(posixpath.normpath(name))
    if entry is not None and entry.issym():
        entry = entries.get(posixpath.normpath(posixpath.join(posixpath.dirname(entry.name), entry.linkname)))
    elif entry is not None and entry.islnk():
        entry = entries.get(posixpath.normpath(entry.linkname))
    return ArchivedFile(entry.offset_data, entry.size) if entry is not None and entry.isreg() else None


def _text(file: BinaryIO, part: ArchivedFile) -> bytes:
    if part.size > MOST_TEXT:
        raise ValueError(f"a text in it has more than {MOST_TEXT} octets")
    return os.pread(file.fileno(), part.size, part.offset)


def _said(error: Exception) -> str:
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)


def _layer_name(number: int) -> str:
    return f"{number:04}/layer.tar"


def _header(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(_whole(size) - size)


def _whole(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
