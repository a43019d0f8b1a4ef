"""
An agent that has nothing but a proxy, for the tests that kill agents.

Started as ``python -m tests.rig.nginx_agent DIRECTORY PORT HOST-NAME UPSTREAM-PORT``; says ``ready`` when nginx
serves the one route, and lives until it is killed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react
from twisted.internet.threads import deferToThread

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.proxy.configuration import HttpListener
from daprdockr.proxy.nginx import Nginx
from daprdockr.proxy.program import NginxProgram
from daprdockr.proxy.routes import Route, Upstream
from daprdockr.proxy.surroundings import settings_here


async def main(reactor: Any, directory: str, port: str, host_name: str, upstream_port: str) -> None:
    service = ServiceName(group="shop", service="web")
    nginx = Nginx(
        program=NginxProgram(path="nginx", environment={"PATH": os.environ["PATH"]}, reactor=reactor),
        settings=settings_here(Path(directory), [HttpListener("127.0.0.1", int(port))]),
        reactor=reactor,
        run=deferToThread,
    )
    nginx.startService()
    nginx.door.publish(
        [Route(host_name, service, (Upstream(InstanceName(service, 1), "127.0.0.1", int(upstream_port)),))]
    )
    while not nginx.status.changes:
        await deferLater(reactor, 0.02)
    print("ready", nginx.pid, flush=True)
    await Deferred()


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, *sys.argv[1:])))
