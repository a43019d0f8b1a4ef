"""
The options of an agent, read by ``twistd daprdockr`` by the table in ``agent_parameters``, turned into one ``Settings``
value.

It opens nothing but ``--etcd-password-file`` and the files of the cluster in the state directory; ``daprdockr.tap``
uses the settings.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.copyright import version as twisted_version
from twisted.python import usage

from daprdockr import __version__
from daprdockr.arguments import parameter
from daprdockr.arguments.access import ETCD_PARAMETERS, access_of_host, is_of_cluster, read_access
from daprdockr.arguments.acme import ACME_PARAMETERS, read_acme
from daprdockr.arguments.address import usual_address, usual_node
from daprdockr.arguments.agent_parameters import FLAGS, PARAMETERS
from daprdockr.arguments.parameter import Parameter
from daprdockr.arguments.settings import Settings
from daprdockr.dns.clients import PRIVATE_NETWORKS
from daprdockr.model.errors import BadInput, NotFound
from daprdockr.model.names import shorten

PEER_PORT = 5081
"""The usual port for sessions."""

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
        except (BadInput, NotFound) as error:
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
        if self["embedded-etcd"] and is_of_cluster(values["state-dir"]):
            raise BadInput("--embedded-etcd is not for a host of daprdockrcmd init or join: leave it out")
        own = access_of_host(etcd, values["state-dir"])
        if self["node"] is None:
            values["node"] = usual_node(values["state-dir"] if own else None)
        if values["label"].get("node", values["node"]) != values["node"]:
            raise BadInput(f"--label: node is the name of the node, {values['node']}: give --node, or another label")
        if not values["host-given"]:
            values["host"] = (usual_address(values["state-dir"] if own else None),)
        if self["peer"] is None:
            values["peer"] = (values["host"][0], PEER_PORT)
        named = {name.replace("-", "_"): value for name, value in values.items()}
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
        except BadInput as error:
            raise BadInput(f"--{row.name}{_origin(row)}: {error}") from None


def _origin(row: Parameter) -> str:
    return f" (or {row.variable})" if row.variable else ""


_COMPUTED: Mapping[str, Callable[[], object]] = {
    "dns-allow": lambda: parameter.networks(PRIVATE_NETWORKS),
}
