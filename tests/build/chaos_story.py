"""Short words to tell the histories that the tests of the chaos checker judge: five hosts, a TTL of 5 seconds."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from tests.chaos.checker import Violation, check
from tests.chaos.history import Line

TTL = 5
HOSTS = {f"host{number}": f"10.0.0.{number}" for number in range(1, 6)}
WEB = {"Name": "web", "Group": "chaos", "Instances": 2, "Container": {"Image": "sample:1"}}
SINGLE = {"Name": "single", "Group": "chaos", "Instances": 1, "Container": {"Image": "sample:1"}, "OnPartition": "stop"}
SERVICES = {"web.chaos": WEB, "single.chaos": SINGLE}
FIRST, SECOND, LONE = "1.web.chaos", "2.web.chaos", "1.single.chaos"


def key_of(instance: str) -> str:
    number, service, group = instance.split(".")
    return f"instances/{group}/{service}/{number}"


def slot_of(instance: str, number: int = 1) -> str:
    _, service, group = instance.split(".")
    return f"rollouts/{group}/{service}/slots/{number}"


@define
class Story:
    """
    Lines in the order in which they are written. ``now`` is the moment of the next one, unless another is given.

    A node's lease is called as the node, with what is in ``leases`` behind it when it has another one.
    """

    lines: list[Line] = field(factory=list)
    now: float = 0.0
    epoch: int = 1
    revision: int = 0
    leases: dict[str, str] = field(factory=dict)
    _alive: dict[str, tuple[int, int]] = field(factory=dict)

    def tell(self, what: str, at: float | None = None, **data: Any) -> None:
        self.lines.append(Line(self.now if at is None else at, what, data))

    def wait(self, seconds: float) -> None:
        self.now += seconds

    # Lines about etcd.

    def put(self, key: str, value: Any, lease: str = "0", same: bool = False, at: float | None = None) -> None:
        """:param same: in the same revision as the change before."""
        self.revision += 0 if same else 1
        created, version = self._alive.get(key, (self.revision, 0))
        self._alive[key] = created, version + 1
        data = {"create_revision": created, "version": version + 1, "lease": lease, "value": value}
        self.tell("etcd", at, epoch=self.epoch, revision=self.revision, type="put", key=key, **data)

    def delete(self, key: str, same: bool = False, at: float | None = None) -> None:
        self.revision += 0 if same else 1
        self._alive.pop(key, None)
        data = {"create_revision": 0, "version": 0, "lease": 0, "value": None}
        self.tell("etcd", at, epoch=self.epoch, revision=self.revision, type="delete", key=key, **data)

    def wipe(self) -> None:
        """Another etcd is there, which is empty."""
        self.epoch, self.revision = self.epoch + 1, 0
        self._alive.clear()

    def claim(self, instance: str, node: str, healthy: bool = True, **more: Any) -> None:
        """A node puts its record into a claim. ``at``, ``same`` and ``lease`` are those of ``put``."""
        given = {name: more.pop(name) for name in ("at", "same", "lease") if name in more}
        value = {"Node": node, "Healthy": healthy, "ContainerId": more.pop("container", ""), **more}
        self.put(key_of(instance), value, **{"lease": self.lease(node), **given})

    def succession(self, instance: str, node: str) -> None:
        """A node wants to be the successor."""
        self.put(f"{key_of(instance)}/next", {"Node": node}, self.lease(node))

    def succeed(self, instance: str, node: str, **more: Any) -> None:
        """A successor takes the owner's place."""
        self.claim(instance, node, **more)
        self.delete(f"{key_of(instance)}/next", same=True)

    def lose(self, instance: str, at: float | None = None) -> None:
        """A claim ends."""
        self.delete(key_of(instance), at=at)

    def lease(self, node: str) -> str:
        return node + self.leases.get(node, "")

    def slot(self, instance: str, node: str, number: int = 1, **more: Any) -> None:
        """A node takes a slot of a rollout for an instance. ``at`` and ``lease`` are those of ``put``."""
        value = {"Node": node, "Instance": instance, "Definition": "d2"}
        self.put(slot_of(instance, number), value, **{"lease": self.lease(node), **more})

    def free(self, instance: str, number: int = 1) -> None:
        """A slot ends."""
        self.delete(slot_of(instance, number))

    # Lines about Engines.

    def start(self, container: str, instance: str, host: str, definition: str = "d1", at: float | None = None) -> None:
        self._container("start", container, host, instance, at, definition=definition)

    def kill(self, container: str, instance: str, host: str, signal: int = 15, at: float | None = None) -> None:
        self._container("kill", container, host, instance, at, signal=signal)

    def die(self, container: str, instance: str, host: str, exit_code: int = 143, at: float | None = None) -> None:
        self._container("die", container, host, instance, at, exit_code=exit_code)

    def stop(self, container: str, instance: str, host: str) -> None:
        """An agent has it stopped, which takes a tenth of a second."""
        self.kill(container, instance, host)
        self.wait(0.1)
        self.die(container, instance, host)
        self._container("stop", container, host, instance, None)

    def listed(self, host: str, *running: tuple[str, str], at: float | None = None) -> None:
        """:param running: containers and their instances."""
        told = [{"id": id, "instance": instance, "definition": "d1"} for id, instance in running]
        self.tell("container", at, host=host, action="listed", running=told)

    def _container(self, action: str, id: str, host: str, instance: str, at: float | None, **more: Any) -> None:
        self.tell("container", at, host=host, action=action, id=id, instance=instance, **{"definition": "d1", **more})

    # Lines about the suite itself.

    def begin(self, settle_within: float = 60) -> None:
        told: dict[str, Any] = {"ttl": TTL, "settle_within": settle_within, "hosts": HOSTS, "services": SERVICES}
        self.tell("start", seed=1, **told)
        self.put("services/chaos/web", WEB)
        self.put("services/chaos/single", SINGLE)
        for host in HOSTS:
            self.put(f"nodes/{host}", {"Addresses": [HOSTS[host]]}, self.lease(host))

    def up(self, container: str, instance: str, host: str, **more: Any) -> None:
        """An instance is claimed, started and reported to be healthy."""
        self.claim(instance, host, healthy=False)
        self.start(container, instance, host)
        self.wait(0.5)
        self.claim(instance, host, container=container, **more)

    def harm(self, host: str, harm: str, **more: Any) -> None:
        self.tell("harm", host=host, harm=harm, **more)

    def heal(self, host: str) -> None:
        self.harm(host, "healed")

    def fault(self, phase: str, number: int = 1, kind: str = "some", **more: Any) -> None:
        self.tell("fault", number=number, kind=kind, phase=phase, **{"hosts": [], **more})

    def wish(self, change: str, **more: Any) -> None:
        self.tell("wish", change=change, **more)

    def ask(self, host: str, *named: str, name: str = "web.chaos.container", seconds: float = 0.01) -> None:
        """:param named: the hosts whose addresses are answered."""
        told: dict[str, Any] = {"rcode": "NOERROR", "addresses": [HOSTS[each] for each in named], "error": ""}
        self.tell("dns", host=host, name=name, seconds=seconds, **told)

    def end(self) -> None:
        self.tell("end", settled=True)

    # The judgement.

    def broken(self, law: str) -> list[Violation]:
        """The violations of one law that the checker finds."""
        return [violation for violation in check(self.lines) if violation.law == law]


def story() -> Story:
    """One that began 100 seconds ago, with both definitions in etcd."""
    told = Story()
    told.begin()
    told.now = 100.0
    return told
