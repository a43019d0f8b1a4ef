"""
Requests while the only instance of a service is killed, again and again: all of them have to wait for it to be back.

One agent, one service of one instance, and a client that repeats nothing and sends GET alone: a request that is under
way at an instance that is killed may be sent again, unless it is a POST.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing

from benchmarks.clock import wait_until
from benchmarks.http_lost import OLD_ENOUGH, REST, Loss
from tests.rig.agent_process import AgentProcess
from tests.rig.python_image import PORT, web_container
from tests.rig.strict_client import StrictClient, Target, Wanted

KIND = "kill -9 of the only one"


def measure(etcd: str, engine: str, rate: int, kills: int, say: Callable[[str], object]) -> Loss:
    """Kill it so many times, each time when it is old enough to be started again at once."""
    with closing(AgentProcess(etcd, engine)) as agent:
        agent.start(ttl=6)
        service, container = f"alone.{agent.group}", web_container()
        http = {"HostName": "alone.test", "ContainerPort": str(PORT)}
        agent.define(service, 1, container["Image"], Container=container, Http=http)
        wanted = Wanted((Target(agent.http_port, "alone.test"),), rate, posts=False)
        with StrictClient(wanted) as client:
            client.take()
            spent = 0.0
            for _ in range(kills):
                time.sleep(OLD_ENOUGH)
                spent += _kill(agent, service)
            time.sleep(REST)
            found = Loss(KIND, kills, client.take(), spent / kills)
    slowest = found.taken.slowest
    say(f"    {KIND}: {found.taken.losses} of {found.taken.sent} lost, the slowest took {slowest * 1e3:,.0f} ms")
    return found


def _kill(agent: AgentProcess, service: str) -> float:
    """Kill its container; return the seconds until another process runs in it."""
    (container,) = agent.ids(service)
    pid, begun = agent.pid_of(container), time.monotonic()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: agent.pid_of(container) not in (0, pid), f"{service} is there again")
    return time.monotonic() - begun
