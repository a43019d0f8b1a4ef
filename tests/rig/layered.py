"""Images of two layers, for what is done with layers."""

from __future__ import annotations

import io
import tarfile
from contextlib import closing

from docker import APIClient


def build_layers(engine: str, tag: str, large: bytes, small: bytes) -> str:
    """Build an image with a large layer and a small one on an Engine; return its id."""
    context = io.BytesIO()
    files = {"Dockerfile": b"FROM scratch\nADD large /\nADD small /\n", "large": large, "small": small}
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    context.seek(0)
    with closing(APIClient(base_url=engine, version="auto")) as client:
        said = [*client.build(fileobj=context, custom_context=True, tag=tag, decode=True)]
        failed = [line["error"] for line in said if "error" in line]
        if failed:
            raise AssertionError(f"{tag} was not built: {failed[0]}")
        return str(client.inspect_image(tag)["Id"])
