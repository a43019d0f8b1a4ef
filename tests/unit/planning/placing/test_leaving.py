"""Which instances should leave a node: those of one that is drained, and what evens out the load."""

from __future__ import annotations

from collections import Counter
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.revisioned import Claim, Service
from daprdockr.planning.candidates import Candidate
from daprdockr.planning.placing.leaving import keeps_data, leaving, takers, why_not
from tests.build.situations import candidates
from tests.build.values import definition, fixing

LABELED = (Candidate("b", {"zone": "x"}, 0), Candidate("c", {"zone": "y"}, 0))


class Placed:
    """Services by name, each as the nodes that hold its instances in order, and what becomes of that."""

    def __init__(self, nodes: str = "abc", keeping: str = "", **services: str) -> None:
        self.nodes = nodes
        self.keeping = keeping
        self.services: dict[ServiceName, Service] = {}
        self.claims: dict[ServiceName, dict[int, Claim]] = {}
        self.successors: dict[ServiceName, dict[int, Claim]] = {}
        self.asked: list[str] = []
        for service, holders in services.items():
            self.define(service, len(holders))
            for number, node in enumerate(holders, 1):
                self._put(self.claims, service, number, ClaimRecord(node, healthy=True))

    def define(self, service: str, instances: int, **members: Any) -> None:
        made = evolve(definition(instances=instances, **members), name=_name(service))
        self.services[made.name] = Service(made, 30, 30)

    def prepare(self, service: str, number: int, node: str, begun: int = 40) -> None:
        """A node has begun to take an instance over, at that revision."""
        self._put(self.successors, service, number, ClaimRecord(node), begun)

    def sicken(self, service: str, number: int) -> None:
        node = self.claims[_name(service)][number].node
        self._put(self.claims, service, number, ClaimRecord(node, healthy=False))

    def move(self, service: str, number: int, node: str) -> None:
        """A node has taken an instance over."""
        self.successors.clear()
        self._put(self.claims, service, number, ClaimRecord(node, healthy=True))

    def claims_of(self, node: str) -> dict[ServiceName, dict[int, Claim]]:
        """The claims of the services that a node has a part in, as an owner or as a successor."""
        self.asked.append(node)
        parts = (self.claims, self.successors)
        names = {name for of in parts for name, held in of.items() if any(c.node == node for c in held.values())}
        return {name: self.claims[name] for name in names if name in self.claims}

    def loads(self) -> dict[str, int]:
        held = [c.node for of in (self.claims, self.successors) for claims in of.values() for c in claims.values()]
        return {node: held.count(node) for node in self.nodes}

    def held(self, service: str) -> Counter[str]:
        """The instances of a service, by node."""
        return Counter(claim.node for claim in self.claims[_name(service)].values())

    def candidates(self) -> tuple[Candidate, ...]:
        return tuple(Candidate(node, {}, load, keeps=node in self.keeping) for node, load in self.loads().items())

    def drained(self, node: str = "a") -> list[str]:
        others = tuple(candidate for candidate in self.candidates() if candidate.name != node)
        return self._sorted(leaving(node, node, True, self.services, self.claims_of, self.successors, others))

    def evened_out(self, node: str = "a") -> list[str]:
        rebalance = node not in self.keeping
        found = leaving(node, "", rebalance, self.services, self.claims_of, self.successors, self.candidates())
        return self._sorted(found)

    def _sorted(self, found: frozenset[InstanceName]) -> list[str]:
        return [f"{instance.number}.{instance.service.service}" for instance in sorted(found)]

    def _put(
        self,
        held: dict[ServiceName, dict[int, Claim]],
        service: str,
        number: int,
        record: ClaimRecord,
        fence: int = 40,
    ) -> None:
        of = held.setdefault(_name(service), {})
        of[number] = Claim(InstanceName(_name(service), number), record, fence, fence, 77)


def _name(service: str) -> ServiceName:
    return ServiceName(group="myapp", service=service)


class DrainTests(SynchronousTestCase):
    """A node that is drained."""

    def test_one_of_each_service(self) -> None:
        """Of each service one instance leaves at a time."""
        self.assertEqual(Placed(api="aab", web="baa", db="bc").drained(), ["1.api", "2.web"])

    def test_on_its_way(self) -> None:
        """That is the one on its way, if one is."""
        placed = Placed(web="aaa")
        placed.prepare("web", 2, "b")
        self.assertEqual(placed.drained(), ["2.web"])

    def test_unhealthy(self) -> None:
        """It leaves whether it is healthy or not."""
        placed = Placed(web="a")
        placed.sicken("web", 1)
        self.assertEqual(placed.drained(), ["1.web"])

    def test_others_unhealthy(self) -> None:
        """It leaves though another instance of its service is unhealthy: it stops only when its successor is well."""
        placed = Placed(web="ab")
        placed.sicken("web", 2)
        self.assertEqual(placed.drained(), ["1.web"])

    def test_not_wanted(self) -> None:
        """An instance that is not wanted any more, or not defined, does not leave: it ends."""
        placed = Placed(web="ab", api="a")
        placed.define("web", 0)
        del placed.services[_name("api")]
        self.assertEqual((placed.drained(), placed.evened_out()), ([], []))

    def test_keeps_data(self) -> None:
        """An instance that keeps data on the node does not leave."""
        placed = Placed(web="aab")
        placed.define("web", 3, Container={"Volumes": ["data:/data"]})
        self.assertEqual(placed.drained(), [])

    def test_at_most_one(self) -> None:
        """One that has to stop first leaves when all others of its service are well, and never to even things out."""
        placed = Placed(web="aab")
        placed.define("web", 3, OnPartition="stop")
        self.assertEqual((placed.drained(), placed.evened_out()), (["1.web"], []))
        placed.sicken("web", 3)
        self.assertEqual(placed.drained(), [])
        placed = Placed(web="aab")
        placed.define("web", 4, OnPartition="stop")
        self.assertEqual(placed.drained(), [])

    def test_at_most_one_unhealthy(self) -> None:
        """Whether it is well itself does not matter for that, and all others do."""
        for number, leavers in ((1, []), (2, ["2.web"]), (3, [])):
            placed = Placed(web="bac")
            placed.define("web", 3, OnPartition="stop")
            placed.sicken("web", number)
            self.assertEqual(placed.drained(), leavers)

    def test_at_most_one_elsewhere(self) -> None:
        """A service of which the node has no instance keeps none from leaving."""
        placed = Placed(web="b", api="a")
        placed.define("web", 1, OnPartition="stop")
        self.assertEqual(placed.drained(), ["1.api"])

    def test_at_most_one_of_all(self) -> None:
        """Of those whose nodes a change forbids at one moment only the first that can leave stops, not one per node."""
        placed = Placed(web="abc")
        for constraints, nodes in ((["node == d"], "a"), (["node != b", "node != c"], "b"), (["node == e"], "")):
            placed.define("web", 3, OnPartition="stop", Placement={"Constraints": constraints})
            there = candidates("a", "b", "c", "d")
            found = {n: leaving(n, "", True, placed.services, placed.claims_of, {}, there) for n in "abc"}
            self.assertEqual("".join(node for node, ones in found.items() if ones), nodes)

    def test_at_most_one_of_all_drained(self) -> None:
        """Of those whose nodes are drained at one moment only the first that can leave stops; all others go then."""
        placed = Placed(web="abc", nodes="abcd")
        placed.define("web", 3, OnPartition="stop")
        for draining, node in (("abc", "a"), ("bc", "b"), ("c", "c")):
            there = candidates(*(name for name in "abcd" if name not in draining))
            found = {n: leaving(n, draining, True, placed.services, placed.claims_of, {}, there) for n in draining}
            self.assertEqual([n for n, ones in found.items() if ones], [node])

    def test_no_room(self) -> None:
        """An instance for which no other node has room stays."""
        wish = definition(Container={"Memory": 100})
        for memory, reason in ((100, ""), (99, "no other node has the memory or processors that it states")):
            full = Candidate("c", {}, 0, memory=0)
            self.assertEqual(why_not(wish, {}, "a", [full, Candidate("b", {}, 0, memory=memory)]), reason)

    def test_only_port(self) -> None:
        """A move that takes the only free host port does not end itself; an instance that never had one stays."""
        placed = Placed(web="a")
        placed.define("web", 1, Container=fixing(5432))
        others = (Candidate("b", {}, 1, ports={("tcp", 5432): 1}),)
        found = leaving("a", "a", True, placed.services, placed.claims_of, placed.successors, others)
        self.assertEqual(found, frozenset())
        reason = "no other node has host port 5432/tcp free: each node has it for one instance"
        self.assertEqual(why_not(definition(Container=fixing(5432)), {}, "a", others), reason)
        placed.prepare("web", 1, "b")
        found = leaving("a", "a", True, placed.services, placed.claims_of, placed.successors, others)
        self.assertEqual(len(found), 1)

    def test_only_room(self) -> None:
        """A move that takes the last memory, or the last processors, does not end itself."""
        for fields, left in (({"Memory": 100}, {"memory": 50}), ({"NanoCpus": 10**9}, {"cpus": 0.5})):
            placed = Placed(web="a")
            placed.define("web", 1, Container=fields)
            others = (Candidate("b", {}, 1, **left),)
            self.assertEqual(self._leavers(placed, others), [])
            placed.prepare("web", 1, "b")
            self.assertEqual(self._leavers(placed, others), ["web"])

    def test_room_for_some(self) -> None:
        """Of moves that begin at one moment those that began first go on, as many as there is room for."""
        placed = Placed(api="a", db="a", web="a")
        for service, begun in (("api", 53), ("db", 51), ("web", 52)):
            placed.define(service, 1, Container={"Memory": 100})
            placed.prepare(service, 1, "b", begun)
        found = {memory: self._leavers(placed, (Candidate("b", {}, 3, memory=memory),)) for memory in (0, -50, -150)}
        self.assertEqual(found, {0: ["api", "db", "web"], -50: ["db", "web"], -150: ["db"]})

    def test_room_for_one_of_two_nodes(self) -> None:
        """Of moves that two nodes begin at one moment the first one goes on, whatever services they are of."""
        for first, second, expected in ((51, 52, [["api"], []]), (52, 51, [[], ["db"]])):
            placed = Placed(api="a", db="b")
            for service, begun in (("api", first), ("db", second)):
                placed.define(service, 1, Container={"Memory": 100})
                placed.prepare(service, 1, "c", begun)
            there = (Candidate("c", {}, 2, memory=-50),)
            self.assertEqual([self._leavers(placed, there, node) for node in "ab"], expected)

    def test_last_room_or_port_for_one_of_two_nodes(self) -> None:
        """Of moves from two nodes that take the last room, or the last port, the one that began first goes on alone."""
        for fields, left in (({"Memory": 100}, {"memory": -100}), (fixing(5432), {"ports": {("tcp", 5432): 2}})):
            placed = Placed(api="a", web="b")
            for service, begun in (("api", 51), ("web", 50)):
                placed.define(service, 1, Container=fields)
                placed.prepare(service, 1, "c", begun)
            there = (Candidate("c", {}, 2, **left),)
            found: list[InstanceName] = []
            for node in "ab":
                found += leaving(node, "ab", True, placed.services, placed.claims_of, placed.successors, there)
            self.assertEqual([one.service for one in found], [_name("web")])

    def _leavers(self, placed: Placed, others: tuple[Candidate, ...], node: str = "a") -> list[str]:
        found = leaving(node, node, True, placed.services, placed.claims_of, placed.successors, others)
        return sorted(instance.service.service for instance in found)

    def test_neither(self) -> None:
        """From a node that is not drained nothing leaves when rebalancing is off."""
        placed = Placed(web="aaaa")
        found = leaving("a", "", False, placed.services, placed.claims_of, {}, placed.candidates())
        self.assertEqual(found, frozenset())


class EvenOutTests(SynchronousTestCase):
    """A node that may have more than its share."""

    def test_only_the_most_loaded(self) -> None:
        """One instance leaves the node that has the most, of several such the first; none leaves the others."""
        placed = Placed(web="aaabbb", api="ab")
        self.assertEqual([placed.evened_out(node) for node in "abc"], [["1.web"], [], []])
        placed = Placed(web="aaabbb", api="bb")
        self.assertEqual([placed.evened_out(node) for node in "abc"], [[], ["4.web"], []])

    def test_spread(self) -> None:
        """That instance goes of whose service the node has most, to a node with fewer of them, or none does."""
        placed = Placed(app="a", web="aa", api="bc", job="b")
        self.assertEqual(placed.evened_out(), ["1.web"])
        placed = Placed(nodes="ab", app="a", web="ab", api="a")
        placed.define("app", 1, Container={"Binds": ["/srv:/srv"]})
        placed.define("api", 1, Container={"Binds": ["/srv:/srv"]})
        self.assertEqual((placed.loads(), placed.evened_out()), ({"a": 3, "b": 1}, []))

    def test_difference_of_one(self) -> None:
        """A difference of one stays."""
        self.assertEqual(Placed(nodes="ab", web="aab").evened_out(), [])
        self.assertEqual(Placed(nodes="ab", web="aa").evened_out(), ["1.web"])

    def test_on_its_way(self) -> None:
        """A move under way goes on though the successor counts already, and no other begins."""
        placed = Placed(nodes="ab", api="a", web="a")
        placed.prepare("web", 1, "b")
        self.assertEqual(placed.loads(), {"a": 2, "b": 1})
        self.assertEqual(placed.evened_out(), ["1.web"])

    def test_tied(self) -> None:
        """The node with the next most gives one while those with more can give none, and as long as it has two more."""
        placed = Placed(nodes="abcd", db="aaaaa", job="bbbb", web="ccc")
        for service, instances in (("db", 5), ("job", 4)):
            placed.define(service, instances, Container={"Binds": ["/srv:/srv"]})
        self.assertEqual([placed.evened_out(node) for node in "abcd"], [[], [], ["1.web"], []])
        placed.prepare("web", 2, "d")
        self.assertEqual([placed.evened_out(node) for node in "abcd"], [[], [], ["2.web"], []])
        placed.move("web", 2, "d")
        self.assertEqual([placed.evened_out(node) for node in "abcd"], [[], [], [], []])

    def test_keeping(self) -> None:
        """So it does while those with more keep what they have: rebalancing is off there, and not elsewhere."""
        placed = Placed(nodes="abc", keeping="a", api="aaaa", web="bbb")
        self.assertEqual([placed.evened_out(node) for node in "abc"], [[], ["1.web"], []])

    def test_claims_of_others(self) -> None:
        """A node that can give none asks for the claims of no other, however long a difference lasts."""
        placed = Placed(nodes="abcd", db="aaaaa", job="bbbb", web="ccc")
        for service, instances in (("db", 5), ("job", 4)):
            placed.define(service, instances, Container={"Binds": ["/srv:/srv"]})
        for node, others in (("a", ""), ("b", ""), ("c", "ab"), ("d", "")):
            placed.asked.clear()
            placed.evened_out(node)
            self.assertEqual(placed.asked, [node, *others])

    def test_moves_of_others(self) -> None:
        """An instance on its way from another node counts where it will be, so that no other goes there as well."""
        placed = Placed(nodes="ac", web="aaacb")
        placed.prepare("web", 5, "c")
        self.assertEqual(placed.evened_out(), [])

    def test_successor_of_itself(self) -> None:
        """A node that claimed what it had prepared to take over, and did not drop that yet, gives one as usual."""
        placed = Placed(nodes="ab", web="aaaa")
        placed.prepare("web", 1, "a")
        self.assertEqual(placed.evened_out(), ["1.web"])

    def test_stuck(self) -> None:
        """An instance that its constraints forbid here, and that no other node may have, keeps no other from moving."""
        placed = Placed(nodes="ab", api="a", web="aaa")
        placed.define("api", 1, Placement={"Constraints": ["node == d"]})
        self.assertEqual(placed.evened_out(), ["1.web"])

    def test_next_most_waits(self) -> None:
        """It gives none while one with more can give one, and goes on with that."""
        placed = Placed(nodes="abc", db="aaaa", api="a", web="bbb")
        placed.define("db", 4, Container={"Binds": ["/srv:/srv"]})
        self.assertEqual([placed.evened_out(node) for node in "abc"], [["1.api"], [], []])
        placed.prepare("api", 1, "c")
        self.assertEqual([placed.evened_out(node) for node in "abc"], [["1.api"], [], []])

    def test_not_healthy(self) -> None:
        """An unhealthy instance does not move for that."""
        placed = Placed(nodes="ab", api="a", web="a")
        placed.sicken("api", 1)
        self.assertEqual(placed.evened_out(), ["1.web"])

    def test_fails_there(self) -> None:
        """Nothing moves for that to a node on which its service does not come up."""
        placed = Placed(nodes="ab", web="aaa")
        a, b = placed.candidates()
        for fails, moved in ((frozenset({"web.myapp"}), 0), (frozenset({"api.myapp"}), 1)):
            there = (a, evolve(b, fails=fails))
            found = leaving("a", "", True, placed.services, placed.claims_of, placed.successors, there)
            self.assertEqual(len(found), moved)

    def test_others_are_healthy(self) -> None:
        """It does not keep the healthy ones of its service from moving."""
        placed = Placed(nodes="ab", web="aaa")
        placed.sicken("web", 1)
        self.assertEqual(placed.evened_out(), ["2.web"])
        placed.prepare("web", 3, "b")
        self.assertEqual(placed.evened_out(), ["3.web"])

    def test_nobody_with_less_fits(self) -> None:
        """Only a node that has two less counts, and has to fit: it is able, and has none of a service that spreads."""
        placed = Placed(web="aaabb")
        placed.define("web", 5, Placement={"Constraints": ["node != c"]})
        self.assertEqual(placed.evened_out(), [])
        placed = Placed(web="ac", api="aa")
        placed.define("web", 2, Placement={"OnePerNode": True})
        placed.define("api", 2, Container={"Binds": ["/srv:/srv"]})
        self.assertEqual(placed.evened_out(), ["1.web"])
        placed = Placed(nodes="ac", web="ac", api="aa")
        placed.define("web", 2, Placement={"OnePerNode": True})
        placed.define("api", 2, Container={"Binds": ["/srv:/srv"]})
        self.assertEqual(placed.evened_out(), [])

    def test_cordoned(self) -> None:
        """A node that is cordoned and not drained keeps what it has."""
        placed = Placed(web="aaaa")
        others = placed.candidates()[1:]
        self.assertEqual(leaving("a", "", True, placed.services, placed.claims_of, {}, others), frozenset())

    @settings(max_examples=100, deadline=None)
    @given(services=st.lists(st.text("abcd", min_size=1, max_size=6), min_size=1, max_size=5), pick=st.randoms())
    def test_ends(self, services: list[str], pick: Any) -> None:
        """With any of the allowed successors, after some moves the difference is one at most and nothing leaves."""
        placed = Placed(nodes="abcd", **{f"s{number}": holders for number, holders in enumerate(services)})
        self.even_out(placed, services, pick)
        loads = placed.loads().values()
        self.assertLessEqual(max(loads) - min(loads), 1)

    @settings(max_examples=100, deadline=None)
    @given(services=st.lists(st.text("abcd", min_size=1, max_size=6), min_size=1, max_size=5), pick=st.randoms())
    def test_ends_with_tied(self, services: list[str], pick: Any) -> None:
        """With some that keep data it ends as well: nothing that can leave a node is needed elsewhere."""
        placed = Placed(nodes="abcd", **{f"s{number}": holders for number, holders in enumerate(services)})
        loose = [name for name in placed.services if pick.random() < 0.5]
        for name in placed.services.keys() - set(loose):
            placed.define(name.service, len(placed.claims[name]), Container={"Binds": ["/srv:/srv"]})
        self.even_out(placed, services, pick)
        there = placed.candidates()
        left = [takers(c.node, there, placed.held(n.service)) for n in loose for c in placed.claims[n].values()]
        self.assertEqual(list(filter(None, left)), [])

    def even_out(self, placed: Placed, services: list[str], pick: Any) -> None:
        for _ in range(sum(map(len, services)) + 1):
            found = [(node, name) for node in "abcd" for name in placed.evened_out(node)]
            if not found:
                break
            ((node, name),) = found
            number, _, service = name.partition(".")
            taker = pick.choice(takers(node, placed.candidates(), placed.held(service))).name
            placed.prepare(service, int(number), taker)
            self.assertEqual([placed.evened_out(one) for one in "abcd" if one != node], [[], [], []])
            self.assertEqual(placed.evened_out(node), [name])
            placed.move(service, int(number), taker)


class WhyNotTests(SynchronousTestCase):
    """The reasons, in words."""

    def why(self, held: dict[str, int] | None = None, others: tuple[Candidate, ...] = LABELED, **members: Any) -> str:
        return why_not(definition(**members), held or {}, "a", others)

    def test_can_leave(self) -> None:
        """There is none when another node can take it."""
        self.assertEqual(self.why(Placement={"Constraints": ["zone == y"], "OnePerNode": True}, held={"b": 1}), "")
        self.assertEqual(self.why(held={"b": 1, "c": 1}), "")

    def test_reasons(self) -> None:
        """Each reason is given."""
        self.assertEqual(self.why(Container={"Binds": ["/srv:/srv"]}), "it keeps data in /srv:/srv")
        self.assertEqual(self.why(others=candidates("a")), "no other node takes instances now")
        self.assertEqual(self.why(Placement={"Constraints": ["zone == z"]}), "no other node meets its constraints")
        every = "every other node that fits has one"
        self.assertEqual(self.why(Placement={"OnePerNode": True}, held={"b": 1, "c": 1}), every)

    def test_each_node_lacks_another_thing(self) -> None:
        """Where the only node with room has one already, no node can take it."""
        spread = definition(Placement={"OnePerNode": True}, Container={"Memory": 100})
        others = [Candidate("b", {}, 1, memory=1000), Candidate("c", {}, 0, memory=50)]
        self.assertNotEqual(why_not(spread, {"b": 1}, "a", others), "")
        self.assertEqual(why_not(spread, {"c": 1}, "a", others), "")

    def test_data(self) -> None:
        """Named volumes, binds, mounts and the volumes of others tie; what is the container's own does not."""

        def kept(**fields: Any) -> str:
            return keeps_data(definition(Container=fields))

        self.assertEqual(kept(Volumes=["/cache", "data:/data"]), "data:/data")
        self.assertEqual(kept(Mounts=[{"Type": "volume", "source": "data", "Target": "/data"}]), "data")
        self.assertEqual(kept(VolumesFrom=["other"]), "other")
        self.assertEqual(kept(Volumes=["/cache"], Mounts=[{"Type": "tmpfs", "Target": "/tmp"}]), "")

    def test_empty(self) -> None:
        """Volumes that are known to be empty do not tie, and all else does."""

        def kept(**fields: Any) -> str:
            return keeps_data(definition(Container=fields), ("data", "more"))

        both = {"Volumes": ["data:/data"], "Mounts": [{"Type": "volume", "Source": "more", "Target": "/more"}]}
        self.assertEqual(kept(**both), "")
        self.assertEqual(kept(**both, Binds=["/srv:/srv", "data:/x"]), "/srv:/srv")
        self.assertEqual(kept(**both, VolumesFrom=["data"]), "data")


class TakersTests(SynchronousTestCase):
    """The nodes that may take over."""

    def names(self, owner: str, **loads: int) -> list[str]:
        found = takers(owner, candidates(*loads, **loads), {owner: 2, "d": 1, "e": 2})
        return [candidate.name for candidate in found]

    def test_drained(self) -> None:
        """From a node that is no candidate all others may."""
        self.assertEqual(self.names("a", b=9, c=0), ["b", "c"])

    def test_not_drained(self) -> None:
        """From any other only those that have two less, and fewer of the service."""
        self.assertEqual(self.names("a", a=5, b=4, c=3, d=0, e=0), ["c", "d"])

    def test_given_up(self) -> None:
        """One that is not healthy may go to any other node, however much that has, unless it fails there as well."""
        there = candidates("a", "b", "c", a=1, b=9, c=9)
        self.assertEqual([one.name for one in takers("a", there, {"a": 1, "b": 5}, healthy=False)], ["b", "c"])
        self.assertEqual([one.name for one in takers("a", there, {}, healthy=False, failing={"c"})], ["b"])

    def test_failing(self) -> None:
        """Nothing is given to a node on which the service fails, unless its owner is drained."""
        there = candidates("a", "b", "c", a=5)
        self.assertEqual([one.name for one in takers("a", there, {"a": 2}, failing={"b"})], ["c"])
        self.assertEqual([one.name for one in takers("a", there[1:], {"a": 2}, failing={"b"})], ["b", "c"])
