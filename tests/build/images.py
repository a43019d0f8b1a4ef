"""Images as the Docker Engine saves them: layers with sizes, a configuration and the list of what there is."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import BinaryIO

LAYERS = (b"lowest" * 1000, b"middle" * 50, b"top " * 128)
"""The last one is a whole number of blocks of 512 octets, as every real layer is."""
NAME = "shop/web:1"


def digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"


def configuration(layers: Sequence[bytes] = LAYERS) -> bytes:
    return json.dumps({"config": {}, "rootfs": {"type": "layers", "diff_ids": [*map(digest, layers)]}}).encode()


IMAGE = digest(configuration())
DIFFS = tuple(map(digest, LAYERS))


def saved(layers: Sequence[bytes] = LAYERS, more: Mapping[str, bytes] | None = None) -> bytes:
    """An archive as the Engine writes it: layers before what names them."""
    files = {f"{number}{'f' * 8}/layer.tar": content for number, content in enumerate(layers)}
    config = configuration(layers)
    listed = [{"Config": "c.json", "RepoTags": [NAME], "Layers": [*files]}]
    return tarred({**files, "c.json": config, "manifest.json": json.dumps(listed).encode(), **(more or {})})


def tarred(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return output.getvalue()


def listed(archive: bytes) -> dict[str, bytes]:
    """The files of an archive, in their order."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: read.read() for entry in tar if (read := tar.extractfile(entry)) is not None}


def filled(file: BinaryIO, content: bytes) -> BinaryIO:
    file.write(content)
    return file
