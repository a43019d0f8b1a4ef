"""
The peers of daprdockr in ``benchmarks.http``: command and files of each proxy. Pure; nothing is started here.

Each leads one host name to the same services behind it, in one thread or worker, without an access log, and else with
the settings it comes with. All stay in the foreground, with all their files in one directory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import Factory, frozen

LOOPBACK = "127.0.0.1"
HOST_NAME = "web.example.com"

DAPRDOCKR = "daprdockr"
NGINX = "nginx by hand"
HAPROXY = "HAProxy"
CADDY = "Caddy"
TRAEFIK = "Traefik"

ANSWER = "here is an answer"
"""The beginning of the answer of each service behind the proxies."""

LENGTH = 1000
"""Octets of an answer's body."""


@frozen
class Setting:
    """Where a proxy runs, and the ports of the services behind it."""

    directory: Path
    port: int
    services: tuple[int, ...] = ()


@frozen
class Plan:
    """The command of a program, the text of each file in its directory, and what is added to its environment."""

    command: tuple[str, ...]
    files: Mapping[str, str]
    environment: Mapping[str, str] = Factory(dict)


@frozen
class Contestant:
    """A proxy; ``program`` is the file that is run."""

    name: str
    program: str
    plan: Callable[[str, Setting], Plan]


def services(program: str, setting: Setting) -> Plan:
    """The services behind all of them: one nginx that answers from memory, on all ports of ``setting``."""
    answer = ANSWER.ljust(LENGTH, ".")
    server = [f"        listen {LOOPBACK}:{port};" for port in setting.services]
    server += ["        keepalive_requests 100000000;", f'        location / {{ return 200 "{answer}"; }}']
    server += ["        location = /port { return 200 $server_port; }"]
    return _nginx(program, setting, ["    server {", *server, "    }"])


def by_hand(program: str, setting: Setting) -> Plan:
    """The least that a person would write."""
    upstream = [f"        server {LOOPBACK}:{port};" for port in setting.services]
    location = ["            proxy_pass http://web;", "            proxy_http_version 1.1;"]
    location += ['            proxy_set_header Connection "";', "            proxy_set_header Host $host;"]
    location += ["            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"]
    lines = ["    upstream web {", *upstream, "        keepalive 256;", "    }", "    server {"]
    lines += [f"        listen {LOOPBACK}:{setting.port};", f"        server_name {HOST_NAME};"]
    lines += ["        location / {", *location, "        }", "    }"]
    return _nginx(program, setting, lines)


def _nginx(program: str, setting: Setting, lines: Sequence[str]) -> Plan:
    temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    text = ["daemon off;", "worker_processes 1;", f"pid {setting.directory}/nginx.pid;", "error_log stderr;"]
    text += ["events { worker_connections 4096; }", "http {", "    access_log off;", "    default_type text/plain;"]
    text += [f"    {name}_temp_path {setting.directory}/{name};" for name in temporary]
    return Plan(
        (program, "-c", f"{setting.directory}/nginx.conf", "-e", "stderr"), {"nginx.conf": _text([*text, *lines, "}"])}
    )


def haproxy(program: str, setting: Setting) -> Plan:
    lines = ["global", "    nbthread 1", "    maxconn 4096", "defaults", "    mode http", "    timeout connect 5s"]
    lines += ["    timeout client 30s", "    timeout server 30s", "    option forwardfor"]
    lines += ["frontend door", f"    bind {LOOPBACK}:{setting.port}"]
    lines += [f"    use_backend web if {{ hdr(host) -i {HOST_NAME} }}", "backend web"]
    lines += [f"    server s{port} {LOOPBACK}:{port}" for port in setting.services]
    return Plan((program, "-db", "-f", f"{setting.directory}/haproxy.cfg"), {"haproxy.cfg": _text(lines)})


def caddy(program: str, setting: Setting) -> Plan:
    places = " ".join(f"{LOOPBACK}:{port}" for port in setting.services)
    lines = ["{", "    admin off", "    auto_https off", "    persist_config off", "}"]
    lines += [f"http://{HOST_NAME}:{setting.port} {{", f"    bind {LOOPBACK}", f"    reverse_proxy {places}", "}"]
    command = (program, "run", "--adapter", "caddyfile", "--config", f"{setting.directory}/Caddyfile")
    return Plan(command, {"Caddyfile": _text(lines)}, _go(setting))


def traefik(program: str, setting: Setting) -> Plan:
    static = ["global:", "  checkNewVersion: false", "  sendAnonymousUsage: false", "log:", "  level: ERROR"]
    static += ["entryPoints:", "  door:", f"    address: {LOOPBACK}:{setting.port}"]
    static += ["providers:", "  file:", f"    filename: {setting.directory}/routes.yml"]
    routes = ["http:", "  routers:", "    web:", f"      rule: Host(`{HOST_NAME}`)", "      service: web"]
    routes += ["  services:", "    web:", "      loadBalancer:", "        servers:"]
    routes += [f"          - url: http://{LOOPBACK}:{port}" for port in setting.services]
    command = (program, f"--configFile={setting.directory}/traefik.yml")
    return Plan(command, {"traefik.yml": _text(static), "routes.yml": _text(routes)}, _go(setting))


def _go(setting: Setting) -> dict[str, str]:
    """One thread of Go's that runs at a time, as all others have one, and files nowhere else."""
    return {"GOMAXPROCS": "1", "HOME": str(setting.directory), "XDG_DATA_HOME": str(setting.directory)}


def _text(lines: Sequence[str]) -> str:
    return "\n".join([*lines, ""])
