"""
Bring daprdockr up on this machine and show it at work: what ``make demo`` runs once the packages are there.

    .venv/bin/python -m tools.demo [--once]

One agent with a private etcd runs three instances of a sample web server. Real ``dig`` and ``curl`` answers are
shown and checked; then it waits for Ctrl-C, or ends by itself with --once. All it writes lies in ``.demo``. At the end
containers, processes and files are gone, and it is a failure if they are not.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import docker

from tools.demo_agent import ADDRESS, CHECKOUT, HOME, LOG, PROGRAMS, Agent, DemoFailed, Leftovers, say, show, until

DEFINITION = CHECKOUT / "etc/examples/web.json"
IMAGE = "daprdockr/sample:1"
READY_SECONDS = 60.0
CONVERGE_SECONDS = 120.0


class Tour:
    """The steps that are shown, and checked, of the service in ``definition``."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        given = json.loads(DEFINITION.read_text())
        self.service = f"{given['Name']}.{given['Group']}"
        self.count: int = given["Instances"]
        self.host_name, self.port = given["Http"]["HostName"], given["Http"]["ContainerPort"]
        self.shown_healthy = -1
        self.answered: set[bytes] = set()

    def dig(self, name: str, kind: str) -> list[str]:
        command = ["dig", f"@{ADDRESS}", "-p", str(self.agent.dns_port), "+noall", "+answer", name, kind]
        return show(command).splitlines()

    def set_service(self) -> None:
        command = [str(PROGRAMS / "daprdockrcmd"), "--etcd", self.agent.etcd, "-stdin"]
        shown = f"daprdockrcmd --etcd {self.agent.etcd} -stdin < {DEFINITION.relative_to(CHECKOUT)}"
        show(command, shown, stdin=DEFINITION)

    def healthy(self) -> int:
        """How many instances DNS knows as healthy; said when it changes."""
        command = ["dig", f"@{ADDRESS}", "-p", str(self.agent.dns_port), "+short", "+tries=1", "+time=2"]
        command += [f"{self.port}.tcp.{self.service}.container", "SRV"]
        done = subprocess.run(command, capture_output=True, text=True)
        count = len(done.stdout.splitlines()) if done.returncode == 0 else 0
        if count != self.shown_healthy:
            say(f"    {count} of {self.count} instances are healthy")
            self.shown_healthy = count
        return count

    def all_healthy(self) -> bool:
        return self.agent.ready() and self.healthy() == self.count

    def routed(self) -> bool:
        """Ask once more by HTTP: whether every instance has answered by now."""
        request = urllib.request.Request(f"http://{self.agent.http}/", headers={"Host": self.host_name})
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5) as answer:
            self.answered.add(answer.read())
        return self.agent.ready() and len(self.answered) == self.count

    def ask_dns(self) -> None:
        """:raises DemoFailed: if an answer is not the truth."""
        for name in (f"1.{self.service}.container", f"{self.service}.container"):
            answers = self.dig(name, "A")
            if not answers or any(line.split()[-1] != ADDRESS for line in answers):
                raise DemoFailed(f"{name} A has to answer {ADDRESS}")
        answers = self.dig(f"{self.port}.tcp.{self.service}.container", "SRV")
        targets = {line.split()[-1] for line in answers}
        if targets != {f"{number}.{self.service}.container." for number in range(1, self.count + 1)}:
            raise DemoFailed(f"the SRV answer has to name {self.count} instances")
        answer = self.dig(f"{self.port}.tcp.1.{self.service}.container", "SRV")[0]
        show(["curl", "-sS", "--fail", "--max-time", "10", f"http://{ADDRESS}:{answer.split()[-2]}/"])

    def ask_http(self) -> None:
        """:raises DemoFailed: if not every instance has answered in the end."""
        curl = f"curl -sS --fail --max-time 10 -H 'Host: {self.host_name}' http://{self.agent.http}/"
        loop = f"for i in $(seq {2 * self.count}); do {curl}; done"
        bodies = set(show(["sh", "-c", loop], loop).splitlines())
        if len(bodies) != self.count:
            raise DemoFailed(f"{len(bodies)} instead of {self.count} instances answered {2 * self.count} requests")
        say(f"    all {self.count} instances have answered")


def tour(agent: Agent, once: bool) -> None:
    """Everything between the start of the agent and its end. :raises DemoFailed:"""
    shown = Tour(agent)
    say("[2/5] starting an agent with a private etcd; its log is .demo/agent.log")
    agent.start()
    until(READY_SECONDS, "the agent's readiness", agent.ready)
    say(f"[3/5] setting the service {shown.service}")
    shown.set_service()
    say(f"[4/5] waiting until {shown.count} instances run and HTTP reaches them")
    until(CONVERGE_SECONDS, f"the health of {shown.count} instances", shown.all_healthy)
    until(CONVERGE_SECONDS, f"the HTTP route of {shown.host_name}", shown.routed)
    say("[5/5] asking DNS and HTTP")
    shown.ask_dns()
    shown.ask_http()
    say(f"the agent's health: http://{agent.api}/healthz")
    if once:
        return
    say("all of it stays up until Ctrl-C")
    with contextlib.suppress(KeyboardInterrupt):
        while agent.ready():
            time.sleep(1)
        raise DemoFailed("the agent is not well any more")


@contextlib.contextmanager
def sample_image(engine: docker.APIClient) -> Iterator[None]:
    """The sample image, removed again at the end if it was not there before."""
    was_there = bool(engine.images(IMAGE))
    say(f"[1/5] building the image {IMAGE} from busybox")
    built = subprocess.run([sys.executable, "-m", "tools.build_image", IMAGE], cwd=CHECKOUT)
    if built.returncode:
        raise DemoFailed("the sample image could not be built")
    try:
        yield
    finally:
        if not was_there:
            engine.remove_image(IMAGE)


def run(once: bool) -> None:
    """:raises DemoFailed: if anything is not as it has to be, at the end too."""
    leftovers, agent = Leftovers(), Agent()
    if found := leftovers.remove():
        say(f"an earlier demo was killed and has left something; removed: {found}")
    with sample_image(leftovers.engine):
        try:
            tour(agent, once)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            say("taking everything down ...")
            try:
                agent.stop()
            finally:
                found = leftovers.remove()
        if found:
            raise DemoFailed(f"the agent left something behind: {found}")
    LOG.unlink()


def told_to_stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tools.demo", description="Bring daprdockr up on this machine and show it at work."
    )
    parser.add_argument("--once", action="store_true", help="end by itself")
    once = parser.parse_args().once
    signal.signal(signal.SIGTERM, told_to_stop)
    HOME.mkdir(exist_ok=True)
    lock = os.open(HOME, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit("demo: another one runs in this checkout")
    try:
        run(once)
    except KeyboardInterrupt:
        say("demo: interrupted")
        return 130
    except DemoFailed as problem:
        if LOG.exists():
            tail = LOG.read_text(errors="replace").splitlines()[-20:]
            say("\n".join(["", "the end of the agent's log:", *tail, ""]))
        say(f"demo failed: {problem}")
        return 1
    say("done; nothing of it is left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
