"""
How long a change takes from the watch's event until nginx answers by it, and what a thousand of them leave behind.

Note [From the event]
    Another watch, of this process, says when the event came; etcd sends it to both at once. The change is in force when
    the first answer of the new endpoint is here: one request after another is sent, over one kept connection, until it
    is. So the seconds include one request, and up to one more that came too early.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable
from functools import partial

from attrs import frozen

from benchmarks.clock import BenchFailed, now, seconds
from benchmarks.http_contestants import LOOPBACK
from benchmarks.http_door import Door, host_name
from benchmarks.http_server import resident

TRIES = 20_000


@frozen
class Force:
    """
    The times that so many changes took, with so many host names.

    :ivar from_event: the seconds of each. :ivar from_write: the same, from before the write to etcd.
    :ivar request: the seconds of one request alone, the median.
    :ivar grown: octets that the memory of nginx's workers has grown by.
    :ivar same_workers: whether they are those of before.
    """

    host_names: int
    from_event: tuple[float, ...]
    from_write: tuple[float, ...]
    request: float
    grown: int
    same_workers: bool


def measure(door: Door, ports: tuple[int, int], host_names: int, count: int, say: Callable[[str], object]) -> Force:
    """
    Change the last of so many host names so many times.

    :param ports: of two services that answer with their own port.
    """
    door.serve(host_names, ports[:1])
    say(f"    {host_names} host names are served")
    number = host_names - 1
    connection = http.client.HTTPConnection(LOOPBACK, door.port, timeout=10)
    ask = partial(_ask, connection, host_name(number))
    alone = sorted(_timed(ask) for _ in range(200))[100]
    workers, before = door.workers(), resident(door.master)
    from_event, from_write = [], []
    with door.changes() as changes:
        for turn in range(count):
            wanted = ports[(turn + 1) % 2]
            begin = now()
            door.move(number, 1, wanted)
            in_force = _until(ask, wanted)
            event = changes.until(partial(door.is_of, number), "the change")
            from_event.append(seconds(event, in_force))
            from_write.append(seconds(begin, in_force))
    connection.close()
    grown = resident(door.master) - before
    return Force(host_names, tuple(from_event), tuple(from_write), alone, grown, door.workers() == workers)


def _until(ask: Callable[[], int], wanted: int) -> int:
    """When the first answer of the wanted endpoint was here."""
    for _ in range(TRIES):
        if ask() == wanted:
            return now()
    raise BenchFailed(f"the change was not in force after {TRIES} requests")


def _timed(ask: Callable[[], int]) -> float:
    begin = now()
    ask()
    return seconds(begin, now())


def _ask(connection: http.client.HTTPConnection, host: str) -> int:
    """The port that answered."""
    connection.request("GET", "/port", headers={"Host": host})
    return int(connection.getresponse().read())
