"""
The nginx program, run briefly: for its version, and to test a configuration.

Owns the short-lived processes; the serving one belongs to ``daprdockr.proxy.nginx``.

Note [A killed run]
    The caller learns at once that its run was cancelled, but the process exists until the kernel has ended it and the
    reactor has reaped it. A caller that must leave nothing behind waits for ``gone``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from daprdockr.model.errors import ProxyError
from daprdockr.model.names import one_line, shorten

MAX_OUTPUT = 64 * 1024
"""The most bytes of output that are kept of one run."""

GIVE_UP = 5.0
"""Seconds after which a killed run that the kernel does not let go is abandoned."""

LUA_MODULES = ("ndk_http_module.so", "ngx_http_lua_module.so")
"""In the order they must be loaded."""

LUA_PACKAGES = "libnginx-mod-http-lua and lua-cjson (Debian, Ubuntu), or use OpenResty's nginx as --nginx PATH"

_MODULES_PATH = re.compile(r"--modules-path=(\S+)")
_LUA_BUILT_IN = re.compile(r"--add-module=\S*(?:ngx_lua|lua-nginx-module)")
_VERSION = re.compile(r"nginx version: [^/\s]+/(\d+)\.(\d+)\.(\d+)", re.ASCII)
_TAKEN, _GIVES_UP = "bind() to ", "still could not bind()"
# Behind ``nginx:``, or day and time: a line about a request has the text of a client further on.
_REASON = re.compile(r"^\S+(?: \S+)? \[emerg\] (?:\d+#\d+: )?(.+)", re.ASCII | re.MULTILINE)


class Execution(ProcessProtocol):
    """
    One run to its end; ``finished`` fires with exit status and output, and its cancelling kills the process.

    :ivar gone: fires when the process is gone. See Note [A killed run].
    """

    def __init__(self) -> None:
        self.finished: Deferred[tuple[int, str]] = Deferred(self._kill)
        self.gone: Deferred[None] = Deferred()
        self._output = b""

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: N802,N803 - Twisted's names
        self._output = (self._output + data)[:MAX_OUTPUT]

    def processEnded(self, reason: Failure) -> None:
        if not self.finished.called:  # if it was, it was cancelled, and nobody waits any more
            status = getattr(reason.value, "exitCode", None)
            self.finished.callback((-1 if status is None else status, self._output.decode("utf-8", "replace")))
        self.gone.callback(None)

    def _kill(self, finished: Deferred[tuple[int, str]]) -> None:
        assert self.transport is not None
        with contextlib.suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")


@define(kw_only=True, eq=False)
class NginxProgram:
    """
    :ivar path: a path, or a name that is looked up in the PATH of ``environment``.
    :ivar timeout: seconds after which a run is killed and counts as failed.
    """

    path: str
    environment: Mapping[str, str]
    reactor: Any
    timeout: float = 30.0
    _executions: set[Execution] = field(init=False, factory=set)

    async def gone(self) -> None:
        """Wait until the processes of all runs are gone, for at most ``GIVE_UP``. See Note [A killed run]."""
        runs = DeferredList([execution.gone for execution in self._executions], consumeErrors=True)
        with contextlib.suppress(DeferredTimeout):
            await runs.addTimeout(GIVE_UP, self.reactor)

    async def version(self) -> tuple[int, int, int]:
        """Return major, minor and patch number. :raises ProxyError: it is not installed, or is not nginx."""
        _, output = await self._run("-v")
        found = _VERSION.search(output)
        if found is None:
            raise ProxyError(f"{self.path} -v said {shorten(output)}: give the path of nginx as --nginx PATH")
        major, minor, patch = found.groups()
        return int(major), int(minor), int(patch)

    async def modules(self) -> tuple[str, ...]:
        """
        Return the files of the modules that bring Lua; none where it is built in, as in OpenResty.

        :raises ProxyError: this nginx has no Lua.
        """
        _, output = await self._run("-V")
        found = _MODULES_PATH.search(output)
        directory = Path(found[1]) if found else Path("/usr/lib/nginx/modules")
        there = tuple(str(directory / name) for name in LUA_MODULES if (directory / name).exists())
        if any(path.endswith(LUA_MODULES[-1]) for path in there):
            return there
        if _LUA_BUILT_IN.search(output):
            return ()
        raise ProxyError(f"{self.path} has no Lua module: install {LUA_PACKAGES}")

    async def test(self, arguments: Sequence[str]) -> None:
        """
        ``nginx -t``: parse the configuration, open what it names, and end.

        :raises ProxyError: with nginx's own reason. A port that is taken is not noticed.
        """
        status, output = await self._run("-t", "-q", *arguments)
        if status != 0:
            raise ProxyError(f"nginx refused the configuration: {reason_in(output) or f'exit status {status}'}")

    async def _run(self, *arguments: str) -> tuple[int, str]:
        program = shutil.which(self.path, path=self.environment.get("PATH", os.defpath))
        if program is None:
            raise ProxyError(
                f"program {self.path} is not there: install the Debian package nginx, or give --nginx PATH"
            )
        execution = Execution()
        try:
            self.reactor.spawnProcess(execution, program, [program, *arguments], env=dict(self.environment))
        except OSError as error:  # of a host without a process or a descriptor left, which may be brief
            raise ProxyError(f"{self.path} cannot be run now, and is tried again: {error.strerror}") from None
        self._executions.add(execution)
        execution.gone.addCallback(lambda _: self._executions.discard(execution))
        try:
            return await execution.finished.addTimeout(self.timeout, self.reactor)
        except DeferredTimeout:
            raise ProxyError(f"nginx {arguments[0]} took more than {self.timeout} s and was killed") from None


def arguments(directory: Path, configuration: Path, version: tuple[int, int, int]) -> list[str]:
    """
    Return the arguments that name nginx's files. The configuration comes first, because it identifies the process.

    Since 1.19.5 ``-e`` keeps nginx from its compiled-in error log, which lies outside the state directory.
    """
    log = ["-e", "stderr"] if version >= (1, 19, 5) else []
    return ["-c", str(configuration), "-p", f"{directory}/", *log]


def reason_in(output: str) -> str:
    """Return why nginx gave up, from its output: its first emergency, without time and pid; empty if there is none."""
    found = _REASON.findall(output)
    telling = [reason for reason in found if reason != _GIVES_UP] or found
    return one_line(telling[0], MAX_OUTPUT) if telling else ""


def gave_up(output: str) -> bool:
    """
    Return whether nginx reported an emergency other than a port that is taken, which it retries for a while. That it
    gives up counts only after a port that is taken: before, it is the end of an attempt that began earlier.
    """
    found = _REASON.findall(output)
    while found and found[0] == _GIVES_UP:
        del found[0]
    return any(not reason.startswith(_TAKEN) for reason in found)
