# -*- test-case-name: tests.unit.arguments.test_options -*-
"""The settings of one agent, as one value: checked, complete, and independent of where they were read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from daprdockr.arguments.acme import Acme
from daprdockr.arguments.parameter import Address
from daprdockr.dns.clients import Network
from daprdockr.etcd.address import Access
from daprdockr.model.errors import BadInput
from daprdockr.proxy.clients import UNDER_WAY


@frozen(kw_only=True)
class Settings:
    """
    The settings of an agent. An empty tuple of listeners, or ``api`` or ``peer`` None, is "off"; ``dns_upstream`` None
    means the servers of /etc/resolv.conf, empty means forward nothing; ``lease_ttl`` is seconds; without ``host_given``
    ``host`` is only its value at the start. ``cluster_key`` None is that of the state directory, if there is one, and
    ``memory_dir`` None the first usual place that is in memory. ``https_unknown`` is "refuse" or "default". ``founded``
    says that ``etcd`` is the cluster of ``daprdockrcmd init``, as the state directory has it.
    """

    etcd: Access
    docker: str
    node: str
    host: tuple[str, ...]
    dns: tuple[Address, ...]
    dns_upstream: tuple[Address, ...] | None
    dns_forward: Mapping[tuple[bytes, ...], tuple[Address, ...]]
    dns_allow: tuple[Network, ...]
    http: tuple[Address, ...]
    https: tuple[Address, ...]
    nginx: str
    api: Address | None
    state_dir: Path
    lease_ttl: int
    prefix: str
    label: Mapping[str, str]
    allow: frozenset[str]
    docker_workers: int
    cpuprofile: Path | None
    embedded_etcd: bool
    no_rebalance: bool
    ephemeral: bool
    no_etcd_upkeep: bool = False
    no_peer_images: bool = False
    host_given: bool = True
    http_proxy_protocol: tuple[Address, ...] = ()
    http_trust: tuple[Network, ...] = ()
    http_per_client: int = UNDER_WAY
    http_pages: Path | None = None
    access_log: Path | None = None
    cluster_key: Path | None = None
    memory_dir: Path | None = None
    founded: bool = False
    acme: Acme | None = None
    certificates: Path | None = None
    https_unknown: str = "default"
    peer: Address | None = None
    api_token_file: Path | None = None
    log_format: str = "text"
    prune_images: int | None = None

    def __attrs_post_init__(self) -> None:
        single = tuple(one for one in (self.api, self.peer) if one is not None)
        listeners = (*self.dns, *self.http, *self.https, *self.http_proxy_protocol, *single)
        for (address, port), count in Counter(listeners).items():
            if count > 1:
                raise BadInput(
                    f"{address} port {port} is given to more than one of "
                    "--dns, --http, --https, --http-proxy-protocol, --api and --peer"
                )
        if self.certificates and not self.https:
            raise BadInput("--certificates has no use without TLS listeners: give --https ADDR:PORT as well")
        if self.http_proxy_protocol and not self.http_trust:
            raise BadInput("--http-proxy-protocol is for trusted proxies only: name their networks as --http-trust")
