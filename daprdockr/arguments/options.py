"""
The options of an agent: one table, read by ``twistd daprdockr``, turned into one ``Settings`` value.

It opens nothing but ``--etcd-password-file`` and the files of the cluster in the state directory; ``daprdockr.tap``
uses the settings.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.copyright import version as twisted_version
from twisted.python import usage

from daprdockr import __version__
from daprdockr.arguments import parameter
from daprdockr.arguments.access import ETCD_PARAMETERS, access_of_host, read_access
from daprdockr.arguments.acme import ACME_PARAMETERS, read_acme
from daprdockr.arguments.address import default_address, short_host_name
from daprdockr.arguments.local_reads import STATE_DIR
from daprdockr.arguments.parameter import Parameter
from daprdockr.arguments.settings import Settings
from daprdockr.dns.clients import PRIVATE_NETWORKS
from daprdockr.model.errors import BadInput, NotFound
from daprdockr.model.names import check_label, shorten
from daprdockr.model.stored.keys import Keys
from daprdockr.proxy.clients import UNDER_WAY

PEER_PORT = 5081
"""The usual port for sessions."""


def _node(text: str) -> str:
    return check_label(text, "node")


def _prefix(text: str) -> str:
    return Keys(text).prefix


PARAMETERS: tuple[Parameter, ...] = (
    *ETCD_PARAMETERS,
    Parameter(
        "docker",
        "URL",
        "the Docker Engine of this host",
        default="unix:///var/run/docker.sock",
        variable="DOCKER_HOST",
        read=parameter.engine_url,
    ),
    Parameter("node", "NAME", "name of this node, a DNS label (default: the short host name)", read=_node),
    Parameter(
        "host",
        "ADDR[,ADDR]",
        "addresses of this host to publish in DNS (default: that of the default route's interface)",
        variable="HOST_IP",
        read=parameter.host_addresses,
    ),
    Parameter(
        "dns",
        "ADDR:PORT",
        "answer DNS here, or off",
        default="0.0.0.0:53",
        many=True,
        read=parameter.listeners,
    ),
    Parameter(
        "dns-upstream",
        "ADDR[:PORT],...",
        "name servers that other names are forwarded to, or none (default: those of /etc/resolv.conf)",
        read=parameter.upstreams,
    ),
    Parameter(
        "dns-forward",
        "ZONE=ADDR[:PORT],...",
        "name servers of a zone of this site",
        many=True,
        read=parameter.forwards,
    ),
    Parameter(
        "dns-allow",
        "CIDR,...",
        "networks that may have other names forwarded (default: loopback and private ranges)",
        read=parameter.networks,
    ),
    Parameter(
        "http",
        "ADDR:PORT",
        "let nginx listen here for HTTP, or off",
        default="0.0.0.0:80",
        many=True,
        read=parameter.listeners,
    ),
    Parameter(
        "https", "ADDR:PORT", "let nginx listen here for TLS", default="off", many=True, read=parameter.listeners
    ),
    Parameter(
        "certificates",
        "DIR",
        "directory with <host name>.crt and .key files, followed as they change",
        read=parameter.absolute_path,
    ),
    Parameter(
        "https-unknown",
        "WHAT",
        "what clients get that ask for a host name without a certificate: default, a self-signed one, or refuse",
        default="default",
        read=parameter.choice("default", "refuse"),
    ),
    Parameter(
        "http-proxy-protocol",
        "ADDR:PORT",
        "let nginx listen here for HTTP behind the PROXY protocol, as trusted proxies speak it",
        many=True,
        read=parameter.listeners,
    ),
    Parameter(
        "http-trust",
        "CIDR,...",
        "networks of proxies whose X-Forwarded headers are kept, or none",
        default="none",
        read=parameter.some_networks,
    ),
    Parameter(
        "http-per-client",
        "N",
        "requests that one address may have under way",
        default=str(UNDER_WAY),
        read=parameter.whole_number(1, 65535),
    ),
    Parameter(
        "http-pages",
        "DIR",
        "directory of pages such as 404.html and 503.txt, in place of nginx's own",
        read=parameter.absolute_path,
    ),
    Parameter("access-log", "FILE", "write a line of JSON for each HTTP request here", read=parameter.new_file),
    *ACME_PARAMETERS,
    Parameter("nginx", "PATH", "the nginx program", default="nginx", read=parameter.program),
    Parameter(
        "api",
        "ADDR:PORT",
        "serve /healthz and /metrics here, or off",
        default="127.0.0.1:5080",
        read=parameter.listener,
    ),
    Parameter(
        "peer",
        "ADDR:PORT",
        "take daprdockrcmd logs, exec, forward and push, and images of other nodes here, or off (default: the first"
        " --host address, port 5081)",
        read=parameter.listener,
    ),
    Parameter(
        "api-token-file",
        "FILE",
        "file whose first line is the bearer token that opens --api beyond loopback",
        read=parameter.absolute_path,
    ),
    Parameter(
        "log-format",
        "FORMAT",
        "lines of the log: text, or json with the fields of each event by name",
        default="text",
        read=parameter.choice("text", "json"),
    ),
    Parameter(
        "state-dir",
        "DIR",
        "directory for all that this agent writes",
        default=STATE_DIR,
        read=parameter.absolute_path,
    ),
    Parameter(
        "cluster-key",
        "FILE",
        "the key that opens secrets and certificates (default: cluster.key in the state directory, if there is one)",
        read=parameter.absolute_path,
    ),
    Parameter(
        "memory-dir",
        "DIR",
        "directory in memory for secrets and keys of TLS (default: /run/daprdockr, or /dev/shm/daprdockr)",
        read=parameter.absolute_path,
    ),
    Parameter(
        "lease-ttl",
        "SECONDS",
        "a node silent for so long loses its claims, at least 2",
        default="6",
        read=parameter.whole_number(2, 3600),
    ),
    Parameter("prefix", "KEY", "root of our keys in etcd", default="/daprdockr", read=_prefix),
    Parameter("label", "NAME=VALUE", "label of this node, for placement", many=True, read=parameter.node_labels),
    Parameter(
        "allow",
        "NAME,...",
        "privileges that definitions may use on this host: privileged, binds, host-devices, ... or all",
        default="none",
        many=True,
        read=parameter.privileges,
    ),
    Parameter(
        "docker-workers",
        "N",
        "threads for blocking Docker calls",
        default="8",
        read=parameter.whole_number(1, 256),
    ),
    Parameter(
        "prune-images",
        "HOURS",
        "remove images of services that nothing has needed for so long, or off",
        default="off",
        read=parameter.number_or_off(1, 8760),
    ),
    Parameter("cpuprofile", "FILE", "write a CPU profile here at exit", read=parameter.new_file),
)
FLAGS = {
    "embedded-etcd": "run a private one-member etcd on the first --etcd endpoint",
    "no-etcd-upkeep": "leave etcd's compaction and defragmentation, and a full etcd, to others",
    "no-rebalance": "keep instances where they are when nodes join, however uneven that is",
    "no-peer-images": "pull images from registries alone, and hand none to other nodes",
    "ephemeral": "at exit take down containers, nginx, relay and embedded etcd",
}
_BY_NAME = {row.name: row for row in PARAMETERS}


def _help(row: Parameter) -> str:
    default = f"; default {row.default}" if row.many and row.default else ""
    repeatable = f" (repeatable{default})" if row.many else ""
    variable = f" (env {row.variable})" if row.variable else ""
    return f"{row.value}: {row.help}{repeatable}{variable}"


def _repeated(name: str) -> Callable[[Options, str], None]:
    def collect(self: Options, text: str) -> None:
        self.setdefault(name, []).append(text)

    collect.__doc__ = _help(_BY_NAME[name])
    return collect


class Options(usage.Options):
    """
    The options as Twisted reads them; the environment variable counts for an option that is absent.

    :raises usage.UsageError: from ``parseOptions``, one line that names the option.
    """

    longdesc = "env NAME: the environment variable that counts when the option is absent."
    optFlags = [[name, None, text] for name, text in FLAGS.items()]
    optParameters = [[row.name, None, row.default, _help(row)] for row in PARAMETERS if not row.many]
    opt_dns = _repeated("dns")
    opt_dns_forward = _repeated("dns-forward")
    opt_http = _repeated("http")
    opt_https = _repeated("https")
    opt_http_proxy_protocol = _repeated("http-proxy-protocol")
    opt_label = _repeated("label")
    opt_allow = _repeated("allow")

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        super().__init__()
        self.update({row.name: environment[row.variable] for row in PARAMETERS if environment.get(row.variable)})
        self._settings: Settings | None = None

    def opt_version(self) -> None:
        """Display the versions of daprdockr and Twisted and exit."""
        print(f"daprdockr {__version__}, Twisted {twisted_version}")
        sys.exit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read command line words. Below ``twistd``, which prints its whole help on an error, end with one line."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            if self.parent is None:
                raise
            print(f"daprdockr: {error}", file=sys.stderr)
            sys.exit(2)

    def parseArgs(self, *words: str) -> None:
        if words:
            raise usage.UsageError(f"{shorten(words[0])} is not an option: options start with --")

    def postOptions(self) -> None:
        try:
            self._settings = self._read()
        except BadInput as error:
            raise usage.UsageError(str(error)) from None

    def settings(self) -> Settings:
        """Return the settings; only after ``parseOptions``."""
        assert self._settings is not None
        return self._settings

    def _read(self) -> Settings:
        etcd, acme = self._given(ETCD_PARAMETERS), self._given(ACME_PARAMETERS)
        apart = (*ETCD_PARAMETERS, *ACME_PARAMETERS)
        values = {row.name: self._value(row) for row in PARAMETERS if row not in apart}
        values |= {name: bool(self[name]) for name in FLAGS}
        values["host-given"] = self["host"] is not None
        if self["peer"] is None:
            values["peer"] = (values["host"][0], PEER_PORT)
        named = {name.replace("-", "_"): value for name, value in values.items()}
        own = access_of_host(etcd, values["state-dir"])
        return Settings(etcd=own or read_access(etcd), founded=own is not None, acme=read_acme(acme), **named)

    def _given(self, rows: tuple[Parameter, ...]) -> dict[str, str]:
        """Return the values that stand for themselves, by name."""
        return {row.name: self[row.name] for row in rows if self[row.name] is not None}

    def _value(self, row: Parameter) -> Any:
        text = self.get(row.name)
        try:
            if row.many:
                return row.read(text or ([row.default] if row.default else []))
            if text is None:
                return _COMPUTED[row.name]() if row.name in _COMPUTED else None
            return row.read(text)
        except (BadInput, NotFound) as error:
            raise BadInput(f"--{row.name}{_origin(row)}: {error}") from None


def _origin(row: Parameter) -> str:
    return f" (or {row.variable})" if row.variable else ""


_COMPUTED: Mapping[str, Callable[[], object]] = {
    "node": lambda: short_host_name(socket.gethostname()),
    "host": lambda: (default_address(),),
    "dns-allow": lambda: parameter.networks(PRIVATE_NETWORKS),
}
