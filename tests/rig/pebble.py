"""
Pebble, a real ACME server for tests, with a DNS server of its own; both are built once from their Go modules.

    with Pebble(http_port=agent.http_port) as pebble:
        ... pebble.directory, pebble.ca

Every name resolves to 127.0.0.1, where the server asks ``http_port`` for its challenges.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest import SkipTest

from tests.build.ports import free_port
from tests.rig.certificates import Authority
from tests.rig.docker_engine import until

MODULE = "github.com/letsencrypt/pebble/v2"
PROGRAMS = ("pebble", "pebble-challtestsrv")
VERSIONS: Mapping[tuple[int, int], tuple[str, str]] = {
    (1, 25): ("v2.10.3", "-dnsserver"),
    (1, 24): ("v2.10.0", "-dnsserver"),
    (1, 17): ("v2.4.0", "-dns01"),
}
"""
By version of Go, the newest first: the version that this one and later ones can build, and the flag for the address
of its DNS. Debian 13 has Go 1.24, which cannot link the oldest; Debian 12 has Go 1.19, whose Pebble says nothing of
renewals (ARI).
"""

BUILT = Path(__file__).resolve().parents[2] / ".test" / "go"
BUILD_LIMIT = 900
"""Seconds: a first build compiles a few hundred packages."""

QUICK: Mapping[str, str] = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
"""Pebble waits for no reason, unless a test wants it to: see its README for the variables."""


@functools.cache
def programs() -> Path:
    """
    Return the directory of the programs, which are built if they are not there.

    :raises SkipTest: there is no Go; a failure where the variable CI is set.
    """
    BUILT.mkdir(parents=True, exist_ok=True)
    with (BUILT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        version, _ = _version()
        place = BUILT / version
        if not all((place / name).exists() for name in PROGRAMS):
            _build(place, version)
    return place


def _version() -> tuple[str, str]:
    """Return the version to build, and the flag of its DNS."""
    if shutil.which("go") is None:
        reason = "Go is not installed (Debian: golang-go), and Pebble cannot be built: scripts/install-packages test"
        if os.environ.get("CI"):
            raise AssertionError(reason)
        raise SkipTest(reason)
    found = re.search(r"go(\d+)\.(\d+)", subprocess.check_output(["go", "version"], text=True))
    assert found is not None
    here = int(found[1]), int(found[2])
    return next(found for least, found in VERSIONS.items() if here >= least)


def _build(place: Path, version: str) -> None:
    environment = os.environ | {"GOBIN": str(place), "GOTOOLCHAIN": "local"}
    paths = [f"{MODULE}/cmd/{name}@{version}" for name in PROGRAMS]
    subprocess.run(["go", "install", *paths], env=environment, timeout=BUILD_LIMIT, check=True)


class Pebble:
    """
    :param http_port: where it asks for the challenges of HTTP-01.
    :param modes: variables of its environment, beside ``QUICK``.
    :param settings: members of its configuration, in place of the usual ones.
    """

    def __init__(self, http_port: int, modes: Mapping[str, str] = QUICK, **settings: Any) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="pebble-"))
        self.port, self._management, self.dns_port, self._dns_management = (free_port() for _ in range(4))
        self.resolver = self.dns_port
        """The port of the name server that it asks; its own, unless a test chooses another before the start."""
        self._environment = {**os.environ, **QUICK, **modes}
        self._http_port = http_port
        self._settings = settings
        self._processes: list[subprocess.Popen[bytes]] = []
        Authority(self.home).issue("127.0.0.1")

    @property
    def directory(self) -> str:
        return f"https://127.0.0.1:{self.port}/dir"

    @property
    def ca(self) -> Path:
        """The certificate to trust at its port; it signs no other certificates with it."""
        return self.home / "ca.pem"

    @property
    def log(self) -> str:
        return (self.home / "pebble.log").read_text("utf-8", "replace")

    @property
    def orders(self) -> int:
        """The number of orders that were begun, since the first start."""
        return self.log.count("Added order ")

    def __enter__(self) -> Pebble:
        where = programs()
        try:
            self._start_dns(where)
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Start the server; it has forgotten what an earlier one knew."""
        configuration = self.home / "pebble.json"
        configuration.write_text(json.dumps({"pebble": self._configuration()}))
        command = ["pebble", "-config", str(configuration), "-dnsserver", f"127.0.0.1:{self.resolver}"]
        self._spawn(programs(), command)
        until(self._answers)

    def end(self) -> None:
        """End the server, but not its DNS."""
        process = self._processes.pop()
        process.kill()
        process.wait()

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def root(self) -> bytes:
        """Return the certificate at the root of those it issues, as PEM."""
        return self._ask(f"https://127.0.0.1:{self._management}/roots/0")

    def tell_dns(self, what: str, **values: Any) -> None:
        """Change what its DNS answers: ``add-a``, ``set-txt``, ``set-default-ipv4``..."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._dns_management}/{what}", data=json.dumps(values).encode()
        )
        urllib.request.urlopen(request, timeout=10).close()

    def _configuration(self) -> dict[str, Any]:
        usual: dict[str, Any] = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self._management}",
            "certificate": str(self.home / "127.0.0.1.pem"),
            "privateKey": str(self.home / "127.0.0.1.key"),
            "httpPort": self._http_port,
            "tlsPort": free_port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            "retryAfter": {"authz": 1, "order": 1},
        }
        return usual | self._settings

    def _start_dns(self, where: Path) -> None:
        _, listen = _version()
        command = ["pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""]
        command += [listen, f"127.0.0.1:{self.dns_port}", "-management", f"127.0.0.1:{self._dns_management}"]
        command += ["-http01", "", "-https01", "", "-tlsalpn01", "", *(["-doh", ""] if listen == "-dnsserver" else [])]
        self._spawn(where, command)

    def _spawn(self, where: Path, command: list[str]) -> None:
        with (self.home / "pebble.log").open("ab") as log:
            process = subprocess.Popen(
                [str(where / command[0]), *command[1:]],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
            )
        self._processes.append(process)

    def _answers(self) -> bool:
        if any(process.poll() is not None for process in self._processes):
            raise AssertionError(f"pebble ended:\n{self.log[-3000:]}")
        try:
            return bool(self._ask(self.directory))
        except OSError:
            return False

    def _ask(self, url: str) -> bytes:
        trusted = ssl.create_default_context(cafile=str(self.ca))
        with urllib.request.urlopen(url, timeout=10, context=trusted) as answer:
            return bytes(answer.read())
