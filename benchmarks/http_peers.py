"""
The programs of the peers: those that are installed, else those that Go builds from their own modules.

Programs that Go builds lie in ``.test/peers`` and nowhere else. A peer that cannot be had is left out, with the reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from benchmarks import http_contestants as known
from benchmarks.clock import BenchFailed
from benchmarks.http_contestants import Contestant, Plan, Setting
from tests.rig.docker_engine import CHECKOUT

BUILT = CHECKOUT / ".test/peers"
BUILDING = 1800.0
"""Seconds that Go may take for one of them."""

CADDY, CADDY_PACKAGE = "github.com/caddyserver/caddy/v2@v2.11.9", "cmd/caddy"
TRAEFIK, TRAEFIK_PACKAGE = "github.com/traefik/traefik/v3@v3.6.12", "cmd/traefik"


@frozen
class Peer:
    """A contestant as it may be had: by the name of its program, or by its module in Go and the package there."""

    name: str
    program: str
    plan: Callable[[str, Setting], Plan]
    module: str = ""
    package: str = ""


PEERS = (
    Peer(known.NGINX, "nginx", known.by_hand),
    Peer(known.HAPROXY, "haproxy", known.haproxy),
    Peer(known.CADDY, "caddy", known.caddy, CADDY, CADDY_PACKAGE),
    Peer(known.TRAEFIK, "traefik", known.traefik, TRAEFIK, TRAEFIK_PACKAGE),
)


def at_hand(peer: Peer, say: Callable[[str], object]) -> Contestant | str:
    """The contestant; or why it cannot take part."""
    built = BUILT / peer.program
    if not built.exists() and peer.module:
        say(f"building {peer.name} with Go, which takes some minutes")
        why = _build(peer)
        if why and shutil.which(peer.program) is None:
            return why
    program = str(built) if built.exists() else shutil.which(peer.program)
    if program is None:
        return f"{peer.program} is not installed: run scripts/install-packages bench-http"
    return Contestant(peer.name, program, peer.plan)


def _build(peer: Peer) -> str:
    """
    Build it; why that was not possible ("": it was).

    A module of ours with the same versions and replacements as its own ``go.mod``, because ``go install`` refuses a
    module that replaces others.
    """
    if shutil.which("go") is None:
        return "there is no Go to build it with"
    BUILT.mkdir(parents=True, exist_ok=True)
    module, _, version = peer.module.partition("@")
    with tempfile.TemporaryDirectory(prefix="bench-http-") as directory:
        try:
            theirs = Path(_go("list", "-m", "-f", "{{.GoMod}}", peer.module, within=directory)).read_text()
            lines = [line for line in theirs.splitlines() if not line.startswith("module ")]
            own = ["module peers", f"require {module} {version}", *lines, ""]
            (Path(directory) / "go.mod").write_text("\n".join(own))
            _go("build", "-o", str(BUILT / peer.program), f"{module}/{peer.package}", within=directory)
        except BenchFailed as why:
            return str(why)
    return ""


def _go(*words: str, within: str) -> str:
    """The output of Go's command. :raises BenchFailed: with its last words, if it fails."""
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"}
    try:
        done = subprocess.run(
            ["go", *words], env=environment, cwd=within, capture_output=True, text=True, timeout=BUILDING, check=False
        )
    except subprocess.TimeoutExpired:
        raise BenchFailed(f"go {words[0]} took more than {BUILDING:g} s") from None
    if done.returncode:
        raise BenchFailed(f"go {words[0]}: {done.stderr.strip()[-200:]}")
    return done.stdout.strip()
