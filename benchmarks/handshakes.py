# -*- test-case-name: tests.tools.test_bench_handshakes -*-
"""
TLS handshakes while certificates are renewed, and their cost beside a certificate that stands in nginx's configuration.

    .venv/bin/python -m tests.rig.engine run DIR -- .venv/bin/python -m benchmarks.handshakes [--renewals 50]

An agent serves one host name over TLS. Its certificate is renewed again and again by ``daprdockrcmd certificates add``,
while clients make full handshakes at a fixed rate. Afterwards the processor time of nginx for a handshake is compared
with that of the same program and configuration without the Lua that picks certificates, in turns.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks.clock import wait_until
from benchmarks.handshakes_load import Handshakes, Seen, handshake
from benchmarks.handshakes_report import Costs, report
from daprdockr.model.stored.certificate import CertificatePair
from tests.build.pairs import self_signed
from tests.build.ports import free_port
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url
from tests.rig.etcd_members import EtcdMembers
from tests.rig.nginx_here import ENVIRONMENT, group_of

NAME = "web.example.com"
PAUSE = 0.3
"""Seconds between a renewal and the next one, which itself takes some tenths of a second."""
REST = 3.0
"""Seconds of handshakes after the last renewal."""
ROUNDS = 5
EACH = 1000
"""Handshakes of a round."""

_TICKS = os.sysconf("SC_CLK_TCK")
_LUA = re.compile(r"^ *ssl_(?:client_hello|certificate)_by_lua_block .*$", re.MULTILINE)
_DEFAULT = re.compile(r'(ssl_certificate(?:_key)?) "[^"]*default\.(crt|key)"')


class Node:
    """An agent with TLS and the cluster key; ``close`` it."""

    def __init__(self, etcd: str) -> None:
        self.port, self._agent = free_port(), AgentProcess(etcd, engine_url())
        self._memory = tempfile.mkdtemp(prefix="daprdockr-bench-", dir="/dev/shm")
        key = self._agent.home / "cluster.key"
        self._agent.command("secret", "key", str(key))
        files = "--cluster-key", str(key), "--memory-dir", self._memory
        self._agent.options = (*files, "--https", f"127.0.0.1:{self.port}")
        self._agent.start()

    def close(self) -> None:
        self._agent.close()
        shutil.rmtree(self._memory, ignore_errors=True)

    @property
    def configuration(self) -> str:
        return (self._agent.state / "nginx" / "nginx.conf").read_text()

    def add(self, pair: CertificatePair) -> float:
        """Store a certificate; when that was done, on the clock of ``handshakes_load``."""
        files = [self._agent.home / f"given.{part}" for part in ("crt", "key")]
        for path, content in zip(files, (pair.chain, pair.key), strict=True):
            path.write_text(content)
        self._agent.command("certificates", "add", *map(str, files))
        return time.monotonic()

    def alike(self, directory: Path, port: int) -> str:
        """The configuration for another directory, with listeners at free ports."""
        text = self.configuration.replace(f"{self._agent.state}/nginx", str(directory))
        text = text.replace(f"127.0.0.1:{self.port}", f"127.0.0.1:{port}")
        return text.replace(f"127.0.0.1:{self._agent.http_port}", f"127.0.0.1:{free_port()}")

    def workers(self) -> list[int]:
        """The processes of its nginx."""
        pid = int((self._agent.state / "nginx" / "nginx.pid").read_text())
        return group_of(pid)


def renewals(node: Node, count: int, rate: int, say: Callable[[str], object]) -> tuple[list[Seen], list[float]]:
    """Renew so often under handshakes; what clients saw, and when each certificate was stored."""
    pairs = [self_signed((NAME,)) for _ in range(count + 1)]
    stored = [node.add(pairs[0])]
    wait_until(lambda: handshake(node.port, NAME).shown is not None, "the first certificate is shown")
    with Handshakes(node.port, NAME, rate, pairs) as load:
        for number, pair in enumerate(pairs[1:], 1):
            stored.append(node.add(pair))
            time.sleep(PAUSE)
            if number % 10 == 0:
                say(f"    {number} of {count} renewals")
        time.sleep(REST)
    return load.seen, stored


@contextmanager
def static(node: Node) -> Iterator[tuple[int, list[int]]]:
    """The same nginx with a certificate in its configuration, and no Lua in a handshake: its port, its processes."""
    directory, port = Path(tempfile.mkdtemp(prefix="bench-static-")), free_port()
    pair, configuration = self_signed((NAME,)), _LUA.sub("", node.alike(directory, port))
    for name, content in (("crt", pair.chain), ("key", pair.key)):
        (directory / f"own.{name}").write_text(content)
    configuration = re.sub(
        r'(ssl_certificate(?:_key)?) "[^"]*default\.(crt|key)"', rf'\1 "{directory}/own.\2"', configuration
    )
    (directory / "nginx.conf").write_text(configuration)
    words = ["nginx", "-c", str(directory / "nginx.conf"), "-p", f"{directory}/", "-e", "stderr"]
    process = subprocess.Popen(words, env=ENVIRONMENT, start_new_session=True)
    try:
        wait_until(lambda: handshake(port, NAME).shown is not None, "the static nginx answers")
        yield port, group_of(process.pid)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(directory)


def costs(node: Node, rounds: int) -> Costs:
    """Processor seconds of nginx for a handshake, with a certificate picked and with a static one."""
    picked, fixed = list[float](), list[float]()
    with static(node) as (port, processes):
        for _ in range(rounds):
            fixed.append(_cost(port, processes))
            picked.append(_cost(node.port, node.workers()))
    return Costs(tuple(picked), tuple(fixed))


def _cost(port: int, processes: list[int]) -> float:
    before = _processor(processes)
    for _ in range(EACH):
        handshake(port, NAME)
    return (_processor(processes) - before) / EACH


def _processor(processes: list[int]) -> float:
    """The processor seconds that processes have used."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in processes]
    return sum(int(one[11]) + int(one[12]) for one in fields) / _TICKS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.handshakes", description=(__doc__ or "").split("\n")[1])
    parser.add_argument("--renewals", type=int, default=50)
    parser.add_argument("--rate", type=int, default=200, help="handshakes per second")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of {EACH} handshakes each, for their cost")
    options = parser.parse_args()
    with EtcdMembers() as etcd, closing(Node(etcd.urls)) as node:
        seen, stored = renewals(node, options.renewals, options.rate, lambda line: print(line, flush=True))
        found = costs(node, options.rounds)
    load = statistics.mean(os.getloadavg()[:2])
    print(report(seen, stored, found, options.rate, load))
    return 0


if __name__ == "__main__":
    sys.exit(main())
