"""The limits that this machine sets nginx: the user and the number of its workers, and how many files they may open."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import resource
from collections.abc import Sequence
from pathlib import Path

from daprdockr.proxy.clients import ALL_ALIKE, HttpClients
from daprdockr.proxy.configuration import LUA, HttpListener, NginxSettings
from daprdockr.proxy.pages import pages_in
from daprdockr.proxy.tls_files import TlsFiles

_USERS = ("www-data", "nginx", "nobody")
_MAX_OPEN_FILES = 65_536


def settings_here(
    directory: Path,
    listeners: Sequence[HttpListener],
    clients: HttpClients = ALL_ALIKE,
    pages: Path | None = None,
    access_log: Path | None = None,
    tls: TlsFiles | None = None,
) -> NginxSettings:
    """
    Return the settings for an nginx in ``directory`` on this machine; its version is detected when it starts.

    A listener that is given twice is one: nginx would refuse the second.

    :param pages: the directory of the operator's pages.
    :param tls: the files that TLS listeners need.
    :raises BadInput: the directory or the listeners cannot stand in a configuration, or a page cannot be used.
    """
    return NginxSettings(
        directory=str(directory),
        listeners=tuple({listener.text: listener for listener in listeners}.values()),
        user=_worker_user() if os.geteuid() == 0 else "",
        workers=len(os.sched_getaffinity(0)),  # what nginx takes for "auto" counts processors that are not ours too
        open_files=_open_files(),
        code=digest_of(Path(LUA)),
        clients=clients,
        pages=pages_in(pages) if pages else None,
        access_log=str(access_log or ""),
        tls=str(tls.directory) if tls else "",
        default_pair=tls.default if tls else None,
    )


def digest_of(lua: Path) -> str:
    """Return a digest of the Lua in this directory, by the names and contents of its files."""
    digest = hashlib.sha256()
    for path in sorted(lua.rglob("*.lua")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(lua)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _worker_user() -> str:
    """
    Return the first of the usual users that exists, with its group: nginx would look for a group of the same name.
    """
    for name in _USERS:
        try:
            user = pwd.getpwnam(name)
            return f"{name} {grp.getgrgid(user.pw_gid).gr_name}"
        except KeyError:
            continue
    return ""


def _open_files() -> int:
    """Return the hard limit, up to which nginx may raise its own without privileges."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_OPEN_FILES)
