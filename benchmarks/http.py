"""
The agent's door: how much one worker of its nginx carries, how soon a change is in force, and what is lost meanwhile.

    .venv/bin/python -m tests.rig.engine run DIR -- .venv/bin/python -m benchmarks.http [--parts rate,force,lost,alone]
        [--peers nginx,haproxy] [--rounds 5] [--seconds 6] [--changes 1000] [--host-names 10,1000] [--rate 1000]
        [--times 20] [--kills 10]

``rate``: daprdockr beside an nginx that is configured by hand, HAProxy, Caddy and Traefik, with the same services
behind them, in turns, round by round and each round in another order. The proxy has one processor core; wrk and the
services have another one. ``force``, ``lost`` and ``alone``: see ``http_force``, ``http_lost`` and ``http_alone``.
Prints tables with the goals; the exit status says only whether the measuring went well.
"""

from __future__ import annotations

import argparse
import http.client
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from attrs import frozen

from benchmarks import http_alone, http_force, http_lost, http_report
from benchmarks.clock import BenchFailed
from benchmarks.converge import ignore_signals, machine, say, stopped
from benchmarks.dns_process import machine_time
from benchmarks.http_contestants import ANSWER, DAPRDOCKR, HOST_NAME, LOOPBACK, Contestant, Setting, services
from benchmarks.http_door import Door, cores
from benchmarks.http_load import wrk
from benchmarks.http_peers import PEERS, Peer, at_hand
from benchmarks.http_report import Result, report
from benchmarks.http_server import Server, taken
from tests.build.ports import free_port
from tests.rig.docker_engine import engine_url
from tests.rig.etcd_members import EtcdMembers

SERVICES = 3
WARM_UP = 1.0
PARTS = ("rate", "force", "lost", "alone")
TOOLS = ("wrk", "taskset", "setpriv", "nginx")


@frozen
class Lane:
    """Where turns take place: ``core`` is the proxy's."""

    directory: Path
    core: int
    load_core: int
    ports: tuple[int, ...]

    def serve(self) -> Server:
        """The services behind all proxies."""
        setting = Setting(self.directory / "services", 0, self.ports)
        return Server(services("nginx", setting), setting.directory, self.load_core)

    def turn(self, contestant: Contestant, seconds: float) -> dict[str, float]:
        """The measured values of one turn of a peer; its process is new."""
        setting = Setting(self.directory / contestant.program.rpartition("/")[2], free_port(), self.ports)
        with Server(contestant.plan(contestant.program, setting), setting.directory, self.core) as server:
            server.wait_ready(partial(answers, setting.port))
            return self.measured(server.pid, setting.port, seconds)

    def measured(self, pid: int, port: int, seconds: float) -> dict[str, float]:
        """One load, after another one that warms up. :raises BenchFailed: if a request is not answered well."""
        wrk(self.load_core, port, WARM_UP)
        before, all_before = taken(pid), machine_time()
        load = wrk(self.load_core, port, seconds)
        spent = taken(pid) - before
        others = max(0.0, machine_time() - all_before - spent - load.processor)
        return {
            http_report.RATE: load.rate,
            http_report.COST: spent / load.requests,
            http_report.BUSY: spent / load.elapsed,
            http_report.LOADED: load.processor / load.elapsed,
            http_report.OTHERS: others / load.elapsed,
            http_report.MEDIAN: load.median,
            http_report.P99: load.p99,
        }


def answers(port: int) -> bool:
    """Whether the right answer comes from there."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/", headers={"Host": HOST_NAME})
        response = connection.getresponse()
        return response.status == 200 and response.read().startswith(ANSWER.encode())
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def rates(lane: Lane, door: Door, others: Sequence[Contestant], options: argparse.Namespace, result: Result) -> None:
    """All rounds of all contestants."""
    door.serve(1, lane.ports)
    if not answers(door.port):
        raise BenchFailed("the agent's door does not answer")
    everyone: list[Contestant | None] = [None, *others]
    for number in range(options.rounds):
        say(f"round {number + 1} of {options.rounds}")
        first = number % len(everyone)
        for one in [*everyone[first:], *everyone[:first]]:
            name = one.name if one else DAPRDOCKR
            if one is None:
                found = lane.measured(door.master, door.port, options.seconds)
            else:
                found = lane.turn(one, options.seconds)
            result.add(name, found)
            rate, cost, p99 = (found[what] for what in (http_report.RATE, http_report.COST, http_report.P99))
            busy = found[http_report.BUSY]
            say(f"    {rate:9,.0f}/s, {cost * 1e6:5.1f} us, {busy:4.0%} busy, p99 {p99 * 1e3:.2f} ms  {name}")


def run(options: argparse.Namespace, engine: str, result: Result) -> None:
    core, load_core = cores()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-http-")))
        directory.chmod(0o755)
        stack.callback(ignore_signals)
        members = stack.enter_context(EtcdMembers(1))
        if "rate" in options.parts or "force" in options.parts:
            measure_door(options, engine, result, Lane(directory, core, load_core, tuple(ports(SERVICES))), members)
        if "lost" in options.parts:
            wishes = http_lost.Wishes(options.rate, options.times, min(5, options.times), options.websockets)
            say(f"{wishes.rate} requests/s while two agents change")
            cluster = stack.enter_context(http_lost.two(members.urls, engine))
            for loss in http_lost.measure(cluster, wishes, say):
                result.losses.append(loss)
        if "alone" in options.parts:
            say(f"{options.rate // 2} requests/s for one instance")
            result.losses.append(http_alone.measure(members.urls, engine, options.rate // 2, options.kills, say))


def measure_door(options: argparse.Namespace, engine: str, result: Result, lane: Lane, members: EtcdMembers) -> None:
    """The two parts with one agent."""
    others = contestants(options.peers, result) if "rate" in options.parts else []
    with lane.serve(), Door(members, engine, (lane.core, lane.load_core)) as door:
        if "rate" in options.parts:
            rates(lane, door, others, options, result)
        for host_names in options.host_names if "force" in options.parts else ():
            say(f"{options.changes} changes with {host_names} host names")
            pair = (lane.ports[0], lane.ports[1])
            result.forces.append(http_force.measure(door, pair, host_names, options.changes, say))


def contestants(wanted: Sequence[Peer], result: Result) -> list[Contestant]:
    """Those that can be had; why the others cannot is added to the result."""
    found = []
    for peer in wanted:
        one = at_hand(peer, say)
        if isinstance(one, Contestant):
            found.append(one)
        else:
            result.absent[peer.name] = one
            say(f"{peer.name}: not at hand: {one}")
    return found


def ports(count: int) -> set[int]:
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return found


def missing() -> str | None:
    """The reason why the benchmark cannot run, if there is one."""
    absent = [name for name in TOOLS if shutil.which(name) is None]
    if absent:
        return f"{', '.join(absent)} not installed: run scripts/install-packages bench-http"
    if len(os.sched_getaffinity(0)) < 2:
        return "there is one core only, and the proxy needs it for itself"
    return None


def wishes(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-http")
    parser.add_argument("--parts", type=parts, default=PARTS, help=f"some of {','.join(PARTS)}, by comma")
    everyone = ",".join(peer.program for peer in PEERS)
    parser.add_argument("--peers", type=peers, default=PEERS, help=f"of the part rate: some of {everyone}, by comma")
    parser.add_argument("--rounds", type=int, default=5, help="of the part rate; 5")
    parser.add_argument("--seconds", type=float, default=6.0, help="of one turn; 6")
    parser.add_argument("--changes", type=int, default=1000, help="of the part force, each time; 1000")
    parser.add_argument("--host-names", type=numbers, default=(10, 1000), help="of the part force; 10,1000")
    parser.add_argument("--rate", type=int, default=1000, help="per second in the part lost, half of it in alone; 1000")
    parser.add_argument("--times", type=int, default=20, help="changes of each kind in the part lost; 20")
    parser.add_argument("--kills", type=int, default=10, help="in the part alone; 10")
    parser.add_argument("--websockets", type=int, default=20, help="in the part lost; 20")
    return parser.parse_args(words)


def parts(text: str) -> tuple[str, ...]:
    """:raises argparse.ArgumentTypeError: for a part that is none."""
    if unknown := [word for word in text.split(",") if word not in PARTS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(PARTS)}")
    return tuple(text.split(","))


def peers(text: str) -> tuple[Peer, ...]:
    """:raises argparse.ArgumentTypeError: for a peer that is none."""
    known = {peer.program: peer for peer in PEERS}
    if unknown := [word for word in text.split(",") if word not in known]:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(known)}")
    return tuple(known[word] for word in text.split(","))


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


def main(words: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, stopped)
    options, result = wishes(words), Result()
    if absent := missing():
        say(f"bench-http: {absent}")
        return 1
    engine = engine_url()
    names = [DAPRDOCKR, *(peer.name for peer in PEERS)]
    say(machine(engine))
    try:
        run(options, engine, result)
    except (BenchFailed, AssertionError) as problem:
        say(f"\n{report(result, names)}\nbench-http: {problem}")
        return 1
    except KeyboardInterrupt:
        say("bench-http: interrupted")
        return 130
    say(f"\n{report(result, names)}\n\n{machine(engine)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
