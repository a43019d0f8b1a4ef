"""
An image with this Python and the little web service of ``tests.rig.web_app``, made without a registry.

It is the sample image with the files of this machine at their places: the interpreter, its library, and the shared
libraries that they need. It is made once for each Engine, and anew when Python or the service has changed.
"""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from docker import APIClient

from tests.rig.docker_engine import CHECKOUT, engine_url, remove, sample_image

REPOSITORY = "daprdockr/python"
SERVICE = CHECKOUT / "tests/rig/web_app.py"
LEFT_OUT = frozenset({"test", "tests", "idlelib", "lib2to3", "ensurepip", "tkinter", "turtledemo", "site-packages"})
LEFT_OUT |= frozenset({"dist-packages", "pydoc_data"})
NOT_NEEDED = re.compile(
    r"\.opt-[12]\.pyc$|\.pyc\.\d+$|\.a$|\.o$|^config-|^_tkinter|^_test|^_dbm|^_gdbm|^_curses|^readline|^_sqlite3"
)
INTERPRETER = Path(sys.executable).resolve()
PORT = 8080


def python_image() -> str:
    """The reference of the image on the Engine of the tests."""
    return made_on(engine_url())


@cache
def made_on(url: str, *programs: Path) -> str:
    """The reference of the image on that Engine, with these programs of this machine in it too."""
    tag = hashlib.sha256(sys.version.encode() + SERVICE.read_bytes())
    for program in programs:
        tag.update(program.read_bytes())
    reference = f"{REPOSITORY}:{tag.hexdigest()[:12]}"
    with closing(APIClient(base_url=url, version="auto", timeout=300)) as client:
        if not client.images(reference):
            container = client.create_container(sample_image(url))["Id"]
            client.put_archive(container, "/", layer(*programs))
            repository, _, label = reference.partition(":")
            client.commit(container, repository=repository, tag=label)
            remove(client, container)
    return reference


def layer(*programs: Path) -> bytes:
    """The files as a tar, each at its place on this machine; what is a link here is a file there."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", dereference=True) as tar:
        for path in sorted(set(files(*programs))):
            tar.add(path, arcname=str(path), recursive=False)
    return output.getvalue()


def files(*programs: Path) -> Iterator[Path]:
    library = Path(sysconfig.get_path("stdlib"))
    extensions = [path for path in _below(library) if path.suffix == ".so"]
    yield from (INTERPRETER, *programs)
    yield from _below(library)
    yield from _shared([INTERPRETER, *programs, *extensions])
    yield SERVICE


def _below(directory: Path) -> Iterator[Path]:
    for path in directory.iterdir():
        if path.name in LEFT_OUT or NOT_NEEDED.search(path.name):
            continue
        if path.is_dir():
            yield from _below(path)
        else:
            yield path


def _shared(programs: Iterable[Path]) -> Iterator[Path]:
    """The shared libraries that these are linked with."""
    said = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False).stdout
    yield from (Path(found) for found in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", said, re.MULTILINE))


def web_container(*options: str) -> dict[str, Any]:
    """The ``Container`` of a definition that runs ``web_app`` on ``PORT``, with these options."""
    return {"Image": python_image(), "Cmd": web_command(*options), "ExposedPorts": [str(PORT)]}


def web_command(*options: str) -> list[str]:
    """The command in the image that runs ``web_app`` on ``PORT``, with these options."""
    return [str(INTERPRETER), str(SERVICE), str(PORT), *options]
