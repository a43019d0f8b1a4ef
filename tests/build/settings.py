"""The settings of an agent that opens no socket and starts no program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from daprdockr.arguments.settings import Settings
from daprdockr.etcd.address import Access
from tests.build.values import KEYS


def settings(node: str, state_dir: Path, **changed: Any) -> Settings:
    """An agent that opens no socket and starts no program."""
    given: dict[str, Any] = {
        "etcd": Access.parse("http://127.0.0.1:1"),
        "docker": "unix:///nonexistent/docker.sock",
        "node": node,
        "host": ("10.0.0.1",),
        "dns": (),
        "dns_upstream": (),
        "dns_forward": {},
        "dns_allow": (),
        "http": (),
        "https": (),
        "nginx": "nginx",
        "api": None,
        "state_dir": state_dir,
        "lease_ttl": 6,
        "prefix": KEYS.prefix,
        "label": {},
        "allow": frozenset(),
        "docker_workers": 2,
        "cpuprofile": None,
        "embedded_etcd": False,
        "no_rebalance": True,
        "ephemeral": False,
    }
    return Settings(**{**given, **changed})
