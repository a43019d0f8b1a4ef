"""
The contestants of ``benchmarks.dns``: the command and the files of each name server. Pure; nothing is started here.

Each has one thread that answers, no log of queries, no limit of rates, and else the settings it comes with. All stay
in the foreground, on one port of the loopback address, with all their files in one directory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen

from benchmarks.dns_zone import Owned, zone_file
from daprdockr.dns.message.records import SRV, A, Srv

LOOPBACK = "127.0.0.1"
DAPRDOCKR = "daprdockr"
NAMES = "twisted.names"
DNSMASQ = "dnsmasq"
POWERDNS = "PowerDNS"
BIND = "BIND"
UNBOUND = "unbound"
KNOT = "Knot"


@frozen
class Setting:
    """
    Where a server runs and what it serves: the records of ``zone``, or what the server at ``upstream`` says.

    :ivar instances: how many of them the zone was made of, for those who make it anew.
    :ivar upstream: a port of the loopback address, or 0.
    """

    directory: Path
    port: int
    zone: Sequence[Owned] = ()
    instances: int = 0
    upstream: int = 0

    @property
    def apex(self) -> str:
        return self.zone[0].owner

    def python(self, module: str) -> tuple[str, ...]:
        """The command of a server of our own."""
        role = ("--upstream", str(self.upstream)) if self.upstream else ("--instances", str(self.instances))
        return sys.executable, "-m", module, str(self.port), *role


@frozen
class Plan:
    """The command of a server; ``files`` has the text of each file in its directory."""

    command: tuple[str, ...]
    files: dict[str, str]


@frozen
class Contestant:
    """
    A name server.

    :ivar program: what has to be installed.
    :ivar forwards: whether it can be a cache before an upstream as well.
    """

    name: str
    program: str
    plan: Callable[[Setting], Plan]
    forwards: bool = True


def daprdockr(setting: Setting) -> Plan:
    return Plan(setting.python("benchmarks.dns_server"), {})


def twisted_names(setting: Setting) -> Plan:
    return Plan(setting.python("benchmarks.dns_names"), {})


def dnsmasq(setting: Setting) -> Plan:
    lines = [f"port={setting.port}", f"listen-address={LOOPBACK}", "bind-interfaces", "no-resolv", "no-hosts"]
    lines += ["pid-file=", "user=root", "group=root", "cache-size=10000"]
    hosts = ""
    if setting.upstream:
        lines.append(f"server={LOOPBACK}#{setting.upstream}")
    else:
        hosts = "".join(f"{text} {o.owner}\n" for o in setting.zone if o.rrset.type == A for text in o.texts)
        lines += [f"local=/{setting.apex}/", f"addn-hosts={setting.directory / 'hosts'}", *_srv_hosts(setting.zone)]
    command = ("dnsmasq", "--keep-in-foreground", f"--conf-file={setting.directory / 'dnsmasq.conf'}")
    return Plan(command, {"dnsmasq.conf": _text(lines), "hosts": hosts})


def _srv_hosts(zone: Sequence[Owned]) -> list[str]:
    return [
        f"srv-host={owned.owner},{data.target},{data.port},{data.priority},{data.weight}"
        for owned in zone
        if owned.rrset.type == SRV
        for data in owned.rrset.data
        if isinstance(data, Srv)
    ]


def powerdns(setting: Setting) -> Plan:
    """Its packet cache is on, as it comes: for 20 seconds it would not see a change."""
    lines = ["launch=bind", f"bind-config={setting.directory / 'named.conf'}", f"socket-dir={setting.directory}"]
    lines += [f"local-address={LOOPBACK}", f"local-port={setting.port}", "receiver-threads=1", "distributor-threads=1"]
    lines += ["daemon=no", "guardian=no", "write-pid=no", "disable-syslog=yes", "loglevel=3"]
    named = f'zone "{setting.apex}" {{ type native; file "{setting.directory / "zone"}"; }};\n'
    files = {"pdns.conf": _text(lines), "named.conf": named, "zone": zone_file(setting.zone)}
    return Plan(("pdns_server", f"--config-dir={setting.directory}"), files)


def bind(setting: Setting) -> Plan:
    options = [f'directory "{setting.directory}"', f"listen-on port {setting.port} {{ {LOOPBACK}; }}"]
    options += ["listen-on-v6 { none; }", "pid-file none", "session-keyfile none", "lock-file none"]
    options += ["dnssec-validation no", "notify no"]
    zone = ""
    if setting.upstream:
        options += ["forward only", f"forwarders {{ {LOOPBACK} port {setting.upstream}; }}"]
    else:
        options.append("recursion no")
        zone = f'zone "{setting.apex}" {{ type primary; file "zone"; }};'
    lines = ["controls { };", "options {", *(f"    {option};" for option in options), "};", zone]
    command = ("named", "-g", "-n", "1", "-c", str(setting.directory / "named.conf"))
    return Plan(command, {"named.conf": _text(lines), "zone": zone_file(setting.zone)})


def unbound(setting: Setting) -> Plan:
    server = [f"interface: {LOOPBACK}@{setting.port}", "num-threads: 1", "do-daemonize: no", 'username: ""']
    server += ['chroot: ""', f'directory: "{setting.directory}"', 'pidfile: ""', "use-syslog: no", "verbosity: 0"]
    server += ["do-not-query-localhost: no", 'module-config: "iterator"']
    forward = []
    if setting.upstream:
        forward = ["forward-zone:", '    name: "."', f"    forward-addr: {LOOPBACK}@{setting.upstream}"]
    else:
        lines = zone_file(setting.zone).splitlines()
        server += [f'local-zone: "{setting.apex}." static', *(f"local-data: '{line}'" for line in lines)]
    lines = ["server:", *(f"    {line}" for line in server), *forward, "remote-control:", "    control-enable: no"]
    command = ("unbound", "-d", "-p", "-c", str(setting.directory / "unbound.conf"))
    return Plan(command, {"unbound.conf": _text(lines)})


def knot(setting: Setting) -> Plan:
    lines = ["server:", f"    rundir: {setting.directory}", f"    listen: {LOOPBACK}@{setting.port}"]
    lines += ["    udp-workers: 1", "    tcp-workers: 1", "    background-workers: 1"]
    lines += ["database:", f"    storage: {setting.directory}"]
    lines += ["log:", "  - target: stderr", "    any: error"]
    lines += ["zone:", f"  - domain: {setting.apex}.", f"    file: {setting.directory / 'zone'}"]
    lines += ["    zonefile-sync: -1", "    journal-content: none"]
    command = ("knotd", "-c", str(setting.directory / "knot.conf"))
    return Plan(command, {"knot.conf": _text(lines), "zone": zone_file(setting.zone)})


def _text(lines: Sequence[str]) -> str:
    return "\n".join([*lines, ""])


CONTESTANTS = (
    Contestant(DAPRDOCKR, sys.executable, daprdockr),
    Contestant(NAMES, sys.executable, twisted_names),
    Contestant(DNSMASQ, "dnsmasq", dnsmasq),
    Contestant(POWERDNS, "pdns_server", powerdns, forwards=False),
    Contestant(BIND, "named", bind),
    Contestant(UNBOUND, "unbound", unbound),
    Contestant(KNOT, "knotd", knot, forwards=False),
)
