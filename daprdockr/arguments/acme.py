# -*- test-case-name: tests.unit.arguments.test_acme -*-
"""The options for automatic certificates, and the ``Acme`` they give."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from daprdockr.arguments.parameter import Parameter, absolute_path
from daprdockr.model.errors import BadInput
from daprdockr.model.host_names import host_name
from daprdockr.model.names import shorten
from daprdockr.model.stored.renewal import LONGEST_ZONE
from daprdockr.process.given import read_given

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"

ACME_PARAMETERS = (
    Parameter("acme-email", "ADDR", "have certificates ordered by ACME, with this address for the server"),
    Parameter("acme-directory", "URL", "directory of the ACME server (default: that of Let's Encrypt)"),
    Parameter(
        "acme-staging",
        "URL",
        "directory that a new name is tried at first, or none (default: that of Let's Encrypt, with its own directory)",
    ),
    Parameter("acme-ca", "FILE", "certificates to trust at the ACME server (default: those of this host)"),
    Parameter(
        "acme-zone", "ZONE", "zone that is delegated to the nodes, for the challenges of *. names (default: none)"
    ),
    Parameter("acme-binding", "FILE", "file with the id and the key of an account that the ACME server asks for"),
)

_EMAIL = re.compile(r"[^\s@,?:<>]{1,64}@[A-Za-z0-9.-]{1,253}")
_URL = re.compile(r"https?://[^\s/?#]+/[^\s#]*", re.ASCII)
_BINDING = re.compile(rb"\s*([!-~]{1,1000})\s+([A-Za-z0-9_-]{16,1000}=*)\s*")


@frozen
class Acme:
    """
    Where certificates are ordered, and as whom.

    :ivar staging: a directory of the same server for trials; "": none.
    :ivar zone: the challenge zone; "": none, so that there are no certificates for names with ``*.``.
    :ivar binding: the id and the key (base64url) of an account elsewhere.
    """

    email: str
    directory: str = LETS_ENCRYPT
    staging: str = ""
    ca: Path | None = None
    binding: tuple[str, str] | None = None
    zone: str = ""


def read_acme(given: Mapping[str, str]) -> Acme | None:
    """
    Return what option values by name describe; None without ``acme-email``, which turns it on.

    :raises BadInput: one line that names the option.
    """
    email, directory = given.get("acme-email", ""), given.get("acme-directory", LETS_ENCRYPT)
    if "acme-email" not in given:
        for name in ("acme-directory", "acme-staging", "acme-ca", "acme-binding", "acme-zone"):
            if name in given:
                raise BadInput(f"--{name} has no use alone: give --acme-email, which turns automatic certificates on")
        return None
    if not _EMAIL.fullmatch(email):
        raise BadInput(f"--acme-email: {shorten(email)} is not usable, write an address such as anna@example.com")
    usual = STAGING if directory == LETS_ENCRYPT else "none"
    staging = given.get("acme-staging", usual)
    return Acme(
        email=email,
        directory=_url(directory, "acme-directory"),
        staging="" if staging == "none" else _url(staging, "acme-staging"),
        ca=_file(given, "acme-ca"),
        binding=_binding(_file(given, "acme-binding")),
        zone=_zone(given.get("acme-zone", "")),
    )


def _url(text: str, name: str) -> str:
    if _URL.fullmatch(text) and len(text) <= 2000:
        return text
    raise BadInput(f"--{name}: {shorten(text)} is not usable, write a URL such as {LETS_ENCRYPT}")


def _zone(text: str) -> str:
    """Return a zone that parents can delegate, which ``container`` and names below it are not."""
    if not text:
        return ""
    try:
        zone = host_name(text)
    except BadInput:
        zone = ""
    if "." in zone and "*" not in zone and not zone.endswith(".container") and len(zone) <= LONGEST_ZONE:
        return zone
    raise BadInput(f"--acme-zone: {shorten(text)} is not usable, write a zone of your own such as acme.example.com")


def _file(given: Mapping[str, str], name: str) -> Path | None:
    """Return the path of a file that can be read."""
    if name not in given:
        return None
    path = absolute_path(given[name])
    try:
        read_given(path)
    except OSError as error:
        raise BadInput(f"--{name} {path} cannot be read: {error.strerror}") from None
    return path


def _binding(path: Path | None) -> tuple[str, str] | None:
    if path is None:
        return None
    found = _BINDING.fullmatch(read_given(path))
    if found is None:
        raise BadInput(f"--acme-binding {path} is not usable: write the id, a space, and the key in base64url")
    return found[1].decode(), found[2].decode()
