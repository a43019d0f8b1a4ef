"""The address of etcd and our credentials for it, as values read from options. Resolves no name and opens nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from attrs import evolve, field, frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

DEFAULT_PORT = 2379
"""etcd's own client port, for an endpoint without one."""

_ENDPOINT = re.compile(
    r"(?:(?P<scheme>https?)://)?"
    r"(?P<host>\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?)"
    r"(?::(?P<port>[0-9]{1,5}))?/?",
    re.ASCII,
)


@frozen
class EtcdEndpoint:
    """One etcd member as its clients reach it; ``host`` is a name or an address, IPv6 without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@frozen
class Access:
    """
    Everything needed to connect to one etcd cluster.

    :ivar secure: TLS on every endpoint, verified against ``ca`` (None: the roots that gRPC brings).
    :ivar cert: our own certificate, with ``key``, if etcd asks for one.
    :ivar user: with ``password``, if etcd has authentication enabled; "" otherwise.
    :ivar password_file: the file that ``password`` was read from, and may change in.
    """

    endpoints: tuple[EtcdEndpoint, ...]
    secure: bool = False
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    user: str = ""
    password: str = field(default="", repr=False)
    password_file: Path | None = None

    def __attrs_post_init__(self) -> None:
        if not self.secure and (self.ca or self.cert or self.key):
            raise BadInput("--etcd-ca, --etcd-cert and --etcd-key need https:// endpoints: change --etcd")
        if (self.cert is None) != (self.key is None):
            raise BadInput("--etcd-cert and --etcd-key belong together: give both or neither")
        if bool(self.user) != bool(self.password):
            raise BadInput("--etcd-user and --etcd-password-file belong together: give both or neither")

    def __str__(self) -> str:
        scheme = "https" if self.secure else "http"
        return ", ".join(f"{scheme}://{endpoint}" for endpoint in self.endpoints)

    def alone(self, endpoint: EtcdEndpoint) -> Access:
        """Return the access to one member alone, with the same credentials."""
        return evolve(self, endpoints=(endpoint,))

    @classmethod
    def parse(
        cls,
        urls: str,
        *,
        ca: Path | None = None,
        cert: Path | None = None,
        key: Path | None = None,
        user: str = "",
        password: str = "",
        password_file: Path | None = None,
    ) -> Access:
        """
        Read ``http://a:5001,http://b:5001``; ``a:5001`` means http, as in etcdctl.

        :raises BadInput: naming the part that is not usable.
        """
        parts = [part.strip() for part in urls.split(",") if part.strip()]
        if not parts:
            raise BadInput("--etcd names no endpoint: write http://<host>:<port>, several separated by commas")
        parsed = [_parse_endpoint(part) for part in parts]
        for path in filter(None, (ca, cert, key)):
            if not os.access(path, os.R_OK):
                raise BadInput(f"{path} cannot be read: check --etcd-ca, --etcd-cert and --etcd-key")
        schemes = {secure for secure, _ in parsed}
        if len(schemes) > 1:
            raise BadInput(f"--etcd {shorten(urls)} mixes http and https: write all endpoints alike")
        endpoints = tuple(dict.fromkeys(endpoint for _, endpoint in parsed))
        return cls(endpoints, schemes.pop(), ca, cert, key, user, password, password_file)


def advertised(urls: Iterable[str]) -> tuple[EtcdEndpoint, ...]:
    """Return the endpoints in URLs that a member advertises, without those that cannot be used."""
    found: list[EtcdEndpoint] = []
    for url in urls:
        try:
            found += Access.parse(url).endpoints
        except BadInput:
            continue
    return tuple(found)


def _parse_endpoint(part: str) -> tuple[bool, EtcdEndpoint]:
    match = _ENDPOINT.fullmatch(part)
    port = int(match["port"] or DEFAULT_PORT) if match else 0
    if match is None or not 1 <= port <= 65535:
        raise BadInput(f"--etcd endpoint {shorten(part)} is not usable: write http://<host>:<port>")
    return match["scheme"] == "https", EtcdEndpoint(match["host"].strip("[]"), port)
