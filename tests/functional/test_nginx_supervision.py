"""A real nginx that is killed, left behind, adopted and stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from daprdockr.proxy.configuration import HttpListener, NginxSettings, render
from daprdockr.proxy.nginx import Nginx
from daprdockr.proxy.program import NginxProgram
from tests.rig.nginx_here import ENVIRONMENT, NginxTestCase, group_of, route, running, until

CHECKOUT = Path(__file__).parents[2]


class DeathTests(NginxTestCase):
    """nginx does not stay dead."""

    async def test_killed_master(self) -> None:
        """After a kill of the master its workers go, and a new nginx serves the same routes on the same port."""
        nginx = await self.started(route("web.example.com", self.upstream()))
        assert nginx.pid is not None
        old = group_of(nginx.pid)
        os.kill(nginx.pid, signal.SIGKILL)
        await until(lambda: not any(running(pid) for pid in old))
        await until(lambda: self.serves("web.example.com"))
        self.assertNotIn(nginx.pid, old)

    async def test_killed_and_published(self) -> None:
        """Routes that change while nginx is dead are served by the next one."""
        nginx = await self.started(route("web.example.com", self.upstream()))
        killed = nginx.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        nginx.door.publish([route("other.example.com", self.upstream())])
        await until(lambda: nginx.pid not in (None, killed))
        await until(lambda: self.serves("other.example.com"))
        self.assertFalse(await self.serves("web.example.com"))

    async def test_killed_worker(self) -> None:
        """A killed worker is the master's business."""
        nginx = await self.started(route("web.example.com", self.upstream()))
        assert nginx.pid is not None
        master, *workers = group_of(nginx.pid)
        os.kill(workers[0], signal.SIGKILL)
        await until(lambda: len(group_of(master)) == 1 + len(workers) and workers[0] not in group_of(master))
        self.assertEqual((nginx.pid, await self.serves("web.example.com")), (master, True))


class SessionTests(NginxTestCase):
    """nginx and the terminal of the agent."""

    async def test_own_session(self) -> None:
        """nginx leads a session of its own, which an interrupt at the agent's terminal does not reach."""
        nginx = await self.started(route("web.example.com", self.upstream()))
        assert nginx.pid is not None
        self.assertEqual((os.getsid(nginx.pid), os.getpgid(nginx.pid)), (nginx.pid, nginx.pid))


class LeavingTests(NginxTestCase):
    """The nginx that an agent leaves when it ends, and its adoption by the next one."""

    async def agent(self, host_name: str) -> tuple[subprocess.Popen[str], int]:
        """An agent in a process of its own, which serves one route, and the pid of its nginx."""
        agent = subprocess.Popen(
            [
                sys.executable,
                *("-m", "tests.rig.nginx_agent", str(self.directory), str(self.port)),
                *(host_name, str(self.upstream().port)),
            ],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)
        assert agent.stdout is not None
        self.addCleanup(agent.stdout.close)
        ready = (await deferToThread(agent.stdout.readline)).split()
        self.assertEqual(ready[:1], ["ready"])
        return agent, int(ready[1])

    async def test_killed_agent(self) -> None:
        """
        When an agent is killed its nginx serves on; the next agent adopts it, leaves it what it serves until it knows
        better itself, and ends it when asked to.
        """
        agent, pid = await self.agent("web.example.com")
        nginx = self.nginx()
        self.addCleanup(self.kill_group, pid)
        agent.kill()
        await deferToThread(agent.wait)
        self.assertTrue(await self.serves("web.example.com"))

        nginx.startService()
        await until(lambda: nginx.pid is not None)
        self.assertEqual(nginx.pid, pid)
        self.assertTrue(await self.serves("web.example.com"))

        await self.published(nginx, route("other.example.com", self.upstream()))
        self.assertEqual(nginx.pid, pid)
        self.assertEqual([await self.serves("web.example.com"), await self.serves("other.example.com")], [False, True])

        await nginx.stopService()
        self.assertFalse(running(pid))

    async def test_adopted_and_killed(self) -> None:
        """An adopted nginx that is killed is started again like any other."""
        agent, pid = await self.agent("web.example.com")
        await until((self.directory / "routes.json").exists)
        agent.kill()
        nginx = self.nginx()
        nginx.startService()
        await until(lambda: nginx.pid == pid)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: nginx.pid not in (pid, None))
        await until(lambda: self.serves("web.example.com"))
        self.assertEqual(group_of(pid), [])

    async def test_left_running(self) -> None:
        """A stop that leaves nginx running changes nothing for its clients."""
        nginx = await self.started(route("web.example.com", self.upstream()), leave_running=True)
        pid = nginx.pid
        await nginx.stopService()
        self.assertTrue(await self.serves("web.example.com"))
        assert pid is not None
        await self.kill_group(pid)

    async def test_ended(self) -> None:
        """A stop that ends nginx waits until master and workers are gone and the port is free."""
        nginx = await self.started(route("web.example.com", self.upstream()))
        assert nginx.pid is not None
        group = group_of(nginx.pid)
        await nginx.stopService()
        self.assertFalse(any(running(pid) for pid in group))
        with socket.create_server(("127.0.0.1", self.port)):
            pass

    async def test_last_known_routes(self) -> None:
        """Where nginx is gone with the agent, the next agent starts it at once on the routes it served last."""
        first = await self.started(route("web.example.com", self.upstream()))
        assert first.pid is not None
        pid = first.pid
        await until((self.directory / "routes.json").exists)
        assert first._process is not None
        first._process.leave_running = True
        await first.stopService()
        await self.kill_group(pid)  # leaves the unix socket and the record behind
        (self.directory / "nginx.conf").write_text("half a fi")

        second = self.nginx()
        second.startService()
        await until(lambda: self.serves("web.example.com"))
        self.assertEqual(second.status.changes, 0)

    async def kill_group(self, pid: int) -> None:
        """Kill them, and wait until the upstream here has seen their connections end."""
        if group_of(pid):
            os.killpg(pid, signal.SIGKILL)
            await until(lambda: not group_of(pid))
            await deferLater(reactor, 0.1)


class ProgramTests(NginxTestCase):
    """The program and the rights that nginx needs on the machine."""

    async def test_absent(self) -> None:
        """Without nginx the agent says which package to install, and stops without delay."""
        nginx = self.nginx(path="no-such-nginx")
        nginx.startService()
        nginx.door.publish([])
        await until(lambda: "no-such-nginx" in nginx.status.reason)
        self.assertEqual(
            nginx.status.reason,
            "program no-such-nginx is not there: install the Debian package nginx, or give --nginx PATH",
        )
        self.assertFalse(nginx.status.running)
        await nginx.stopService()

    async def test_not_nginx(self) -> None:
        """A program that is something else is named."""
        nginx = self.nginx(path="/bin/true")
        nginx.startService()
        await until(lambda: nginx.status.reason.startswith("/bin/true -v said ''"))

    async def test_without_privileges(self) -> None:
        """A configuration without a user is accepted from somebody who is not root, without any complaint."""
        modules = await NginxProgram(path="nginx", environment=ENVIRONMENT, reactor=reactor).modules()
        listeners = (HttpListener("127.0.0.1", self.port),)
        settings = NginxSettings(directory=str(self.directory), listeners=listeners, modules=modules)
        (self.directory / "nginx.conf").write_text(render(settings).text)
        unprivileged = []
        if os.geteuid() == 0:
            unprivileged = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            for path in [self.directory, self.directory / "nginx.conf"]:
                os.chown(path, 65534, 65534)
        tested = subprocess.run(
            [*unprivileged, "nginx", "-t", "-q", "-c", f"{self.directory}/nginx.conf", "-e", "stderr"],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((tested.returncode, tested.stderr), (0, ""))


class StoppedEarlyTests(NginxTestCase):
    """A service that is stopped before it got anywhere."""

    async def test_at_once(self) -> None:
        """A stop right after the start leaves nothing behind."""
        nginx: Nginx = self.nginx()
        nginx.startService()
        nginx.door.publish([route("web.example.com", self.upstream())])
        await nginx.stopService()
        self.assertIsNone(nginx.pid)

    async def test_while_asked_for_its_version(self) -> None:
        """A stop while nginx is asked for its version ends that process too, and waits until it is gone."""
        await self.stopped_while_it_hangs("-v")

    async def test_while_it_tests(self) -> None:
        """A stop while nginx tests a configuration ends that process too, and waits until it is gone."""
        await self.stopped_while_it_hangs("-t")

    async def stopped_while_it_hangs(self, action: str) -> None:
        """Stop a service whose program hangs in ``action`` after it wrote its pid; fails when its process is left."""
        pid, program = self.directory / "hangs.pid", self.directory / "nginx.sh"
        program.write_text(
            f'#!/bin/sh\nif [ "$1" = {action} ]; then echo $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 60; fi\n'
            'exec nginx "$@"\n'
        )
        program.chmod(0o755)
        nginx = self.nginx(path=str(program))
        nginx.startService()
        nginx.door.publish([route("web.example.com", self.upstream())])
        await until(pid.exists)
        await nginx.stopService()
        with self.assertRaises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)
