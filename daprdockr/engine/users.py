# -*- test-case-name: tests.unit.engine.test_users -*-
"""The user as whom a container runs, by number; the Engine states it as image or definition do, often by name."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable

from docker import APIClient

from daprdockr.model.errors import EngineRefused
from daprdockr.model.names import shorten

_PASSWD = "/etc/passwd"
_MOST_BYTES = 1024 * 1024
_MOST = 2**31


def user_id(client: APIClient, container: str) -> int:
    """
    Return the number of a container's user, who need not be running.

    :raises EngineRefused: its image does not know the name. :raises: the exceptions of docker-py.
    """
    stated = client.inspect_container(container)["Config"].get("User") or ""
    name = str(stated).partition(":")[0]
    if name in ("", "root"):
        return 0
    if name.isascii() and name.isdigit() and int(name) < _MOST:
        return int(name)
    stream, _ = client.get_archive(container, _PASSWD)
    try:
        found = number_in(_bounded(stream), name)
    finally:
        stream.close()
    if found is None:
        raise EngineRefused(f"the image has no user {shorten(name)} in {_PASSWD}: write a number as Container.User")
    return found


def number_in(archive: bytes, name: str) -> int | None:
    """Return the number of a user, from the archive of a ``passwd`` file (passwd(5)); None if it is not there."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as members:
            file = next((members.extractfile(member) for member in members if member.isfile()), None)
            lines = file.read(_MOST_BYTES).decode("utf-8", "replace").splitlines() if file is not None else []
    except (tarfile.TarError, OSError):
        return None
    users = (line.split(":") for line in lines)
    numbers = (fields[2] for fields in users if len(fields) > 2 and fields[0] == name)
    return next((int(number) for number in numbers if number.isascii() and number.isdigit()), None)


def _bounded(stream: Iterable[bytes]) -> bytes:
    content = b""
    for part in stream:
        content += part
        if len(content) > _MOST_BYTES:
            break
    return content
