"""``drain``: the operator's request that a node hands over all its instances."""

from __future__ import annotations

import time
from collections import Counter

from attrs import define, field

from daprdockr.cli.absent import no_such_node
from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.follow import ClusterWait
from daprdockr.cli.outcome import TimedOut, not_done
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import snapshot
from daprdockr.model.errors import DaprdockrError
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import InstanceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.cordon import asking_to_drain
from daprdockr.planning.candidates import candidates
from daprdockr.planning.placing.leaving import why_not
from daprdockr.planning.placing.moves import before_move, moves


class CalledOff(DaprdockrError):
    """Somebody withdrew the drain before it ended."""


def drain(request: Request, store: Store, console: Console) -> None:
    """
    :raises NotFound: no such node.
    :raises TimedOut, CalledOff: the end of the drain was awaited, and did not come.
    """
    node = request.node
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


def leave_or_stay(cluster: ClusterView, node: str) -> dict[InstanceName, str]:
    """Return the wanted instances of a node that is drained, each with the reason why it cannot leave, or ""."""
    fit = candidates(cluster)
    under_way = moves(cluster.services, {name: cluster.successors(name) for name in cluster.moving})
    found = {}
    for name in sorted(cluster.services.keys() & set(cluster.claimed_services)):
        definition, claims = cluster.services[name].definition, cluster.claims(name)
        own = sorted(n for n, c in claims.items() if c.node == node and n <= definition.instances)
        mine = [move for move in under_way if move.instance.service == name and move.instance.number in own]
        there = before_move(fit, mine, under_way)
        reason = why_not(definition, Counter(claim.node for claim in claims.values()), node, there)
        found.update({InstanceName(name, number): reason for number in own})
    return found


@define(eq=False)
class Draining(ClusterWait):
    """The progress of the drain of one node."""

    console: Console
    _left: set[InstanceName] = field(factory=set)
    """Those that are still to leave, as reported last."""

    def print_leavers(self) -> None:
        """Print what leaves, and what stays and why."""
        node = self.request.node
        found = leave_or_stay(self.cluster, node)
        self._left = {instance for instance, reason in found.items() if not reason}
        stay = [(instance, reason) for instance, reason in found.items() if reason]
        if self.request.json:
            leaving = [str(instance) for instance in sorted(self._left)]
            staying = [{"Instance": str(instance), "Reason": reason} for instance, reason in stay]
            self.console.print_json({"Node": node, "Leaving": leaving, "Staying": staying})
            return
        leave = "1 instance leaves" if len(self._left) == 1 else f"{len(self._left)} instances leave"
        stays = "stays" if len(stay) == 1 else "stay"
        self.console.say(f"{node} is cordoned: {leave} it, {len(stay)} {stays}")
        for instance, reason in stay:
            self.console.say(f"{instance} stays: {reason}")

    def finish(self) -> None:
        """Print what left until nothing is there that can leave."""
        if not self.until(self._has_ended):
            raise TimedOut(not_done(self.request.timeout, [(i, self._whereabouts(i)) for i in sorted(self._left)]))

    def _has_ended(self) -> bool:
        if self.request.node not in self.cluster.draining:
            raise CalledOff(f"{self.request.node} is not drained any more: somebody took it back")
        found = leave_or_stay(self.cluster, self.request.node)
        left = {instance for instance, reason in found.items() if not reason}
        gone, self._left = self._left - left, left
        for instance in sorted(gone):
            if not self.request.json:
                self.console.say(f"{instance} {self._outcome(instance, found)}, {len(left)} to go")
        return not left

    def _outcome(self, instance: InstanceName, found: dict[InstanceName, str]) -> str:
        if instance in found:
            return f"stays: {found[instance]}"
        claim = self.cluster.claims(instance.service).get(instance.number)
        return f"runs on {claim.node}" if claim else "is gone"

    def _whereabouts(self, instance: InstanceName) -> str:
        successor = self.cluster.successors(instance.service).get(instance.number)
        node = self.request.node
        return f"on {node}, {successor.node} prepares to take it over" if successor else f"on {node}"


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
        " those of its service on other nodes are healthy. Prints which cannot leave, and why",
    ),
)
