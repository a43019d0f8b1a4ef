"""``drain``: the operator's request that a node hands over all its instances."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Container, Iterable, Mapping

from attrs import define, field

from daprdockr.cli.absent import no_such_node
from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.follow import ClusterWait
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import doubts, snapshot
from daprdockr.model.errors import DaprdockrError
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import InstanceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.cordon import asking_to_drain
from daprdockr.model.stored.doubts import COMMAND as TRUST_COMMAND
from daprdockr.model.stored.run import UNDER_WAY
from daprdockr.picture.extent import number_of_instances
from daprdockr.picture.instances import still_stopping
from daprdockr.planning.candidates import candidates
from daprdockr.planning.placing.leaving import keeps_data, why_not
from daprdockr.planning.placing.moves import before_move, moves

_MOST_NAMED = 3
_UNREADABLE = "its definition is not usable: daprdockrcmd status says why"


class CalledOff(DaprdockrError):
    """Somebody withdrew the drain before it ended."""


class NotEmpty(DaprdockrError):
    """Instances stay on the node because their data is there."""


class NotSeen(DaprdockrError):
    """Containers may run on the node of which etcd knows nothing, because it is frozen."""


def drain(request: Request, store: Store, console: Console) -> None:
    """
    :raises NotSeen: the node is frozen.
    :raises NotFound: no such node.
    :raises TimedOut, CalledOff: the end of the drain was awaited, and did not come.
    :raises NotEmpty: it came, and instances are left whose data is there.
    """
    node = request.node
    _check_is_not_frozen(request, store)
    known = snapshot(request, store).nodes
    if node not in known:
        raise no_such_node(node, known)
    store.put(request.keys.cordon(node), asking_to_drain())
    announce(request, store, "a drain was asked for", node)
    draining = Draining(request, store, time.monotonic, time.sleep, console)
    draining.cluster = snapshot(request, store)
    draining.print_leavers()
    if request.wait:
        draining.finish()


def _check_is_not_frozen(request: Request, store: Store) -> None:
    """:raises NotSeen: the node doubts this etcd, so that it hands nothing over."""
    doubt = doubts(request, store).get(request.node)
    if doubt is not None:
        reason = f"it doubts this etcd: {doubt.reason} ({TRUST_COMMAND} shows what to do)"
        raise NotSeen(f"{request.node} is frozen, {reason}")


def leave_or_stay(cluster: ClusterView, node: str) -> dict[InstanceName, str]:
    """Return the wanted instances of a node that is drained, each with the reason why it cannot leave, or ""."""
    fit = candidates(cluster)
    under_way = moves(cluster.services, {name: cluster.successors(name) for name in cluster.moving})
    found = {}
    for name in sorted(filter(cluster.is_declared, cluster.claimed_services)):
        claims = cluster.claims(name)
        own = sorted(number for number, claim in claims.items() if claim.node == node)
        if name not in cluster.services:
            found.update({InstanceName(name, number): _UNREADABLE for number in own})
            continue
        definition = cluster.services[name].definition
        own = [number for number in own if number <= definition.instances]
        mine = [move for move in under_way if move.instance.service == name and move.instance.number in own]
        there = before_move(fit, mine, under_way)
        reason = why_not(definition, Counter(claim.node for claim in claims.values()), node, there)
        found.update({InstanceName(name, number): reason for number in own})
    return found


def _ending_on(cluster: ClusterView, node: str, wanted: Container[InstanceName]) -> list[tuple[str, str]]:
    """Return what ends on a node by itself, each with its state: instances that are not wanted, and runs of jobs."""
    claims = ((name, claim) for name in sorted(cluster.claimed_services) for claim in cluster.claims(name).items())
    own = sorted(InstanceName(name, number) for name, (number, claim) in claims if claim.node == node)
    found = [(str(instance), still_stopping(node)) for instance in own if instance not in wanted]
    runs = [(name, run) for name in sorted(cluster.with_runs) for run in cluster.runs(name).values()]
    running = [(name, run) for name, run in runs if run.record.state in UNDER_WAY and run.record.node == node]
    return found + [(f"run {run.number} of {name}", f"under way on {node}") for name, run in running]


@define(eq=False)
class Draining(ClusterWait):
    """
    The progress of the drain of one node.

    It waits for all but instances that have their data on the node, also where no other node takes one now: one may be
    ready again in a moment, and the person who waits is about to stop this host.
    """

    console: Console
    _found: Mapping[InstanceName, str] = field(factory=dict)
    """The instances that are there, each with the reason why it cannot leave, or "", as reported last."""

    def print_leavers(self) -> None:
        """Print what leaves, and what stays and why."""
        node = self.request.node
        self._found = leave_or_stay(self.cluster, node)
        leave = [instance for instance, reason in self._found.items() if not reason]
        stay = [(instance, reason) for instance, reason in self._found.items() if reason]
        if self.request.json:
            staying = [{"Instance": str(instance), "Reason": reason} for instance, reason in stay]
            self.console.print_json({"Node": node, "Leaving": list(map(str, leave)), "Staying": staying})
            return
        leaves, stays = ("leaves" if len(leave) == 1 else "leave"), ("stays" if len(stay) == 1 else "stay")
        self.console.say(f"{node} is cordoned: {number_of_instances(len(leave))} {leaves} it, {len(stay)} {stays}")
        for instance, reason in stay:
            self.console.say(f"{instance} stays: {reason}")

    def finish(self) -> None:
        """
        Print each instance that leaves, until nothing is there that might leave, or ends by itself.

        :raises NotEmpty: something is left.
        :raises NotSeen: something may be left there.
        """
        node = self.request.node
        if not self.until(self._has_ended):
            left = [(str(instance), self._whereabouts(instance)) for instance in self._awaited(self._found)]
            away = [] if node in self.cluster.nodes else [(node, "away, and may still run containers")]
            raise self.timed_out(away + left + _ending_on(self.cluster, node, self._found))
        if self._found:
            raise NotEmpty(self._left_behind())
        _check_is_not_frozen(self.request, self.store)

    def _left_behind(self) -> str:
        """Return what would stop with the host, for the person who is about to stop it."""
        named = [f"{instance} ({reason})" for instance, reason in self._found.items()]
        more = [f"{len(named) - _MOST_NAMED} more"] if len(named) > _MOST_NAMED else []
        number = f"{number_of_instances(len(named))} that would stop with it"
        return f"{self.request.node} still has {number}: {', '.join(named[:_MOST_NAMED] + more)}"

    def _has_ended(self) -> bool:
        node = self.request.node
        if node not in self.cluster.draining:
            raise CalledOff(f"{node} is not drained any more: somebody took it back")
        before, self._found = self._found, leave_or_stay(self.cluster, node)
        left = self._awaited(self._found)
        if not self.request.json:
            for instance in self._awaited(before):
                if news := self._news(instance, before[instance]):
                    self.console.say(f"{instance} {news}, {len(left)} to go")
        is_there = node in self.cluster.nodes  # otherwise nobody reports what runs there
        return is_there and not left and not _ending_on(self.cluster, node, self._found)

    def _awaited(self, found: Iterable[InstanceName]) -> list[InstanceName]:
        """Return those that are not tied to the node by their data."""
        services = self.cluster.services
        return [i for i in found if i.service not in services or not keeps_data(services[i.service].definition)]

    def _news(self, instance: InstanceName, before: str) -> str:
        """
        Return what became of an instance; "" if nothing did.

        :param before: why it could not leave.
        """
        if instance in self._found:
            reason = self._found[instance]
            return f"stays: {reason}" if reason and reason != before else ""
        claim = self.cluster.claims(instance.service).get(instance.number)
        if claim is not None and claim.node == self.request.node:
            return f"is {still_stopping(claim.node)}"  # it is not wanted any more
        return f"runs on {claim.node}" if claim else "is gone"

    def _whereabouts(self, instance: InstanceName) -> str:
        successor = self.cluster.successors(instance.service).get(instance.number)
        node, reason = self.request.node, self._found[instance]
        if successor:
            return f"on {node}, {successor.node} prepares to take it over"
        return f"on {node} ({reason})" if reason else f"on {node}"


COMMAND = Command(
    name="drain",
    usage=(("drain NODE", "move the node's instances to others, one of each service at a time"),),
    run=drain,
    flags=("wait", "timeout", "o"),
    only_waiting=("timeout",),
    word="NODE",
    reference=(
        "give the node no more instances, and move those it has to others: each is started there before it is"
        " stopped here, one instance of each service at a time. One with ``OnPartition: stop`` is stopped first, while"
        " those of its service on other nodes are healthy. Prints which cannot leave, and why. With ``-wait`` it ends"
        " with exit status 0 when no instance and no run of a job is left on the node, and with 1 when only instances"
        " are left that keep data there. It waits for all others, even if no other node takes them now, and for a node"
        " that is away. A frozen one is an error: it hands nothing over, and its containers run on",
    ),
)
