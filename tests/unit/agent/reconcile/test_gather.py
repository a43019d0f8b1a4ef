"""Gathering: what the planner receives about a service and about this node."""

from __future__ import annotations

import copy
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.probe import Target
from daprdockr.agent.host.targets import targets
from daprdockr.model.host import ContainerState, EngineNetwork, Port
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.revisioned import Claim, Service
from daprdockr.planning.candidates import Candidate, mark
from daprdockr.planning.diagnosis import Diagnosis
from tests.build.situations import container, running_record
from tests.build.values import API, KEYS, WEB, definition, instance, named
from tests.fakes.agents import MemoryCluster

CHECKED = definition(Health={"Type": "tcp", "Port": 8080})
LOOKED_AT = evolve(container(number=2, of=CHECKED, address="172.17.0.2"), cluster=0)


class GatherCase(SynchronousTestCase):
    """One agent that is in touch with everything."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agent = self.cluster.add("a", label={"zone": "x"})
        self.cluster.advance(1)

    def situation(self, name: ServiceName = WEB) -> Any:
        return self.agent.gather.situation(name)


class HereTests(GatherCase):
    """This node."""

    def test_well(self) -> None:
        """In touch with etcd and the Engine this node has its lease and may claim."""
        here = self.agent.here()
        self.assertEqual((here.node, here.addresses, here.lease), ("a", ("10.0.0.1",), self.agent.heartbeat.lease))
        self.assertTrue(here.may_claim)
        self.assertEqual((here.cluster, here.revision), (self.agent.cluster.identity, self.cluster.store.revision))

    def test_etcd_away(self) -> None:
        """Without etcd it is out of touch at once, and without a lease when that is over."""
        self.cluster.store.unavailable = True
        self.cluster.advance(1)
        self.assertEqual((self.agent.here().in_touch, self.agent.here().lease != 0), (False, True))
        self.cluster.advance(6)
        self.assertEqual(self.agent.here().lease, 0)

    def test_engine_away(self) -> None:
        """Without the Engine it may not claim: it could not keep its word."""
        self.agent.docker.unavailable = True
        self.cluster.advance(1)
        here = self.agent.here()
        self.assertEqual((here.in_touch, here.lease, here.may_claim), (True, 0, False))
        self.agent.docker.unavailable = False
        self.cluster.advance(1)
        self.assertTrue(self.agent.here().may_claim)

    def test_engine_never_there(self) -> None:
        """Before the first list of containers it is not in touch: what it would not find is not absent."""
        late = self.cluster.make("b")
        late.docker.unavailable = True
        self.cluster.start(late)
        self.cluster.advance(1)
        self.assertFalse(late.here().in_touch)


class SituationTests(GatherCase):
    """One service."""

    def test_services(self) -> None:
        """A service counts that is defined."""
        self.assertEqual(self.agent.gather.services(), frozenset())
        self.cluster.define(definition())
        self.cluster.advance(1)
        self.assertEqual(self.agent.gather.services(), {WEB})

    def test_services_of_containers(self) -> None:
        """A service of which there is nothing but a container here counts."""
        self.agent.host.containers.update(evolve(container(), cluster=0))
        self.assertEqual(self.agent.gather.services(), {WEB})

    def test_unsettled(self) -> None:
        """A service is settled when other nodes have all of its instances, and these are well."""
        self.cluster.define(definition(instances=2, Placement={"Constraints": ["zone == x"]}))
        other = self.cluster.add("b")
        self.cluster.advance(3)
        self.assertEqual(self.agent.gather.unsettled(), {WEB})  # it runs here
        self.assertEqual(other.gather.unsettled(), frozenset())
        self.cluster.define(definition(instances=3, Placement={"Constraints": ["zone == y"]}))
        self.cluster.advance(1)
        self.assertEqual(other.gather.unsettled(), {WEB})  # an instance is free

    def test_candidates(self) -> None:
        """Candidates are the nodes that hold a lease, with labels and number of claims, without cordoned ones."""
        self.cluster.add("b")
        self.cluster.define(definition(instances=2))
        self.cluster.advance(1)
        host: dict[str, Any] = {
            "memory": 8 << 30,
            "cpus": 4,
            "images": frozenset({mark("web:1")}),
            "allow": frozenset(),
            "keeps": True,  # the agents of tests do
        }
        expected = (Candidate("a", {"zone": "x"}, 1, **host), Candidate("b", {}, 1, **host))
        self.assertEqual(self.situation().placing.candidates, expected)
        self.cluster.store.put(KEYS.cordon("b"), b"{}")
        self.cluster.advance(1)
        self.assertEqual(self.situation().placing.candidates, expected[:1])

    def test_held(self) -> None:
        """A definition that never was readable is held, one that does not exist is not."""
        self.cluster.store.put(KEYS.service(WEB), b"{")
        self.cluster.advance(1)
        self.assertTrue(self.situation().wanted.held)
        self.assertFalse(self.situation(API).wanted.held)

    def test_dependents(self) -> None:
        """The dependents of a service are those whose definitions name it in ``After`` now."""
        for after, found in ((["api"], {WEB}), (["db"], set()), (["db", "api"], {WEB}), (None, set())):
            self.cluster.define(definition("web:1", After=after))
            self.cluster.advance(1)
            self.assertEqual(self.agent.gather.dependents([API, WEB]), found)
        self.cluster.define(definition("web:1", After=["api"]))
        self.cluster.advance(1)
        self.cluster.store.commit([], [Delete(KEYS.service(WEB))])
        self.cluster.advance(1)
        self.assertEqual(self.agent.gather.dependents([API]), set())

    def test_first_start(self) -> None:
        """A service waits until the one that it names is there and healthy, and then starts at once."""
        self.cluster.define(definition("web:1", After=["api"]))
        self.cluster.advance(3)
        (claim,) = self.agent.cluster.claims(WEB).values()
        self.assertEqual(claim.record.reason, "waits for api.myapp, which does not exist")
        self.assertEqual(self.situation().wanted.awaited, ("api.myapp, which does not exist",))
        self.cluster.define(named("api"))
        self.cluster.advance(2)
        (claim,) = self.agent.cluster.claims(WEB).values()
        self.assertTrue(claim.record.healthy)

    def test_coming_up(self) -> None:
        """An instance that waits for its first start comes up; the time begins anew when etcd was away."""
        self.cluster.define(definition("web:1", After=["api"]))
        self.cluster.advance(2)
        (since,) = self.situation().moving.coming_up.values()
        self.cluster.store.unavailable = True
        self.cluster.advance(16)
        self.assertEqual(self.situation().moving.coming_up, {})
        self.cluster.store.unavailable = False
        self.cluster.advance(5)
        (after,) = self.situation().moving.coming_up.values()
        self.assertGreater(after, since + 15)

    def test_users_of(self) -> None:
        """The users of an image are the services whose definitions name it."""
        self.cluster.define(definition("web:1"))
        self.cluster.advance(1)
        self.assertEqual(self.agent.gather.users_of("web:1"), [WEB])
        self.assertEqual(self.agent.gather.users_of("web:2"), [])


class ReadTests(GatherCase):
    """Gathering is a read: it changes nothing, and what it gives does not change."""

    def test_twice(self) -> None:
        """Gathering twice gives the same, starts no check, and begins no memory of since when something is so."""
        others = evolve(running_record(LOOKED_AT), node="b")
        self.cluster.store.put(KEYS.claim(instance(2)), others.encode(), self.cluster.store.grant(60).id)
        self.cluster.define(evolve(CHECKED, instances=2))
        self.cluster.advance(1)
        self.agent.looked.clear()
        self.agent.host.containers.update(LOOKED_AT)
        timers = list(self.agent.clock.getDelayedCalls())
        first = self.situation()
        self.agent.clock.rightNow += 0.01
        self.assertEqual(self.situation(), first)
        self.assertEqual((first.host.containers[2], first.moving.surplus_since), ((LOOKED_AT,), {}))
        self.assertEqual((self.agent.clock.getDelayedCalls(), self.agent.looked), (timers, []))
        self.cluster.advance(0.1)
        self.assertIn("c1", [target.container for target in self.agent.looked])
        self.assertEqual(list(self.situation().moving.surplus_since), [2])

    def test_nothing_live(self) -> None:
        """A situation stays as it was gathered, however host, checks and mirror change."""
        self.cluster.define(evolve(CHECKED, instances=2))
        self.cluster.advance(1)
        seen = self.situation()
        before = copy.deepcopy(seen)
        self.agent.docker.crash(seen.host.containers[1][0].id)
        self.cluster.claim(instance(2), "b")
        self.cluster.advance(1)
        self.agent.health.follow(WEB, {})
        self.assertNotEqual(self.situation(), before)
        self.assertEqual(seen, before)

    def test_nothing_of_others(self) -> None:
        """Of diagnoses, images and containers that are being stopped only those of the service are in it."""
        self.cluster.define(CHECKED)
        self.cluster.define(evolve(CHECKED, name=API))
        self.cluster.advance(1)
        self.agent.host.containers.stopping(self.situation(API).host.containers[1][0].id)
        (own,) = self.situation().host.containers[1]
        host = self.situation().host
        self.assertEqual((host.health, host.stopping), ({own.id: Diagnosis(verdict=True, check=CHECKED.check)}, set()))
        self.assertEqual(len(self.situation(API).host.stopping), 1)

    def test_networks(self) -> None:
        """Of the host's networks those are in it that were taken from a container of the service, and are there."""
        networks = tuple(EngineNetwork(name, f"id of {name}", frozenset({4})) for name in ("front", "back"))
        host = self.agent.host
        for cut_off in ("", "front", "id of front", "gone"):
            host.containers.update(evolve(container(), cut_off=cut_off, cluster=0))
            host.stock.inventory = evolve(host.stock.inventory, networks=networks)
            self.assertEqual(self.situation().host.networks, {cut_off} - {"", "gone"})


class FreeTests(GatherCase):
    """Since when an instance has no claim."""

    def free(self) -> dict[int, float]:
        """As a plan that is made now sees it."""
        self.agent.since.observe(WEB, self.agent.clock.seconds())
        return dict(self.situation().placing.free_since)

    def test_since(self) -> None:
        """The time is that of the first look, and forgotten when the instance is claimed."""
        self.cluster.store.put(KEYS.cordon("a"), b"{}")
        self.cluster.define(definition(instances=2))
        self.cluster.advance(1)
        since = self.free()
        self.assertEqual(list(since), [1, 2])
        self.cluster.advance(5)
        self.assertEqual(self.free(), since)
        self.cluster.claim(instance(1), "b")
        self.cluster.advance(1)
        self.assertEqual(self.free(), {2: since[2]})
        self.cluster.delete(WEB)
        self.cluster.advance(1)
        self.assertEqual(self.free(), {})

    def test_not_while_others_could(self) -> None:
        """As long as this node may not claim no time counts: it would else jump every queue when it may."""
        self.cluster.store.put(KEYS.cordon("a"), b"{}")
        self.cluster.define(definition())
        self.cluster.advance(1)
        before = self.free()[1]
        self.agent.docker.unavailable = True
        self.cluster.advance(1)
        self.assertEqual(self.free(), {})
        self.agent.docker.unavailable = False
        self.cluster.advance(1)
        self.assertTrue(self.free()[1] > before + 1)

    def test_free_again(self) -> None:
        """An instance that was claimed and is free again is free since then."""
        self.cluster.store.put(KEYS.cordon("a"), b"{}")
        self.cluster.define(definition())
        self.cluster.advance(1)
        before = self.free()
        lease = self.cluster.claim(instance(1), "b")
        self.cluster.advance(5)
        self.cluster.store.revoke(lease)
        self.cluster.advance(1)
        self.assertTrue(self.free()[1] > before[1] + 4)


class TargetTests(GatherCase):
    """Where health checks look."""

    def target(self, of: ContainerState) -> Target:
        """The place where the check of a container connects, as the probe receives it."""
        return next(target for target in self.agent.looked if target.container == of.id)

    def run_checked(self) -> ContainerState:
        self.cluster.define(CHECKED)
        self.cluster.advance(1)
        return self.agent.running[0]

    def test_address(self) -> None:
        """A container with an address of its own is checked there, on the port that the check names."""
        one = self.run_checked()
        self.assertEqual(self.target(one), Target(one.id, CHECKED.check, one.address, 8080, WEB, started=one.started))

    def test_host_port(self) -> None:
        """One without an address is checked on the host, where its port is published."""
        one = self.run_checked()
        self.agent.host.containers.update(evolve(one, address="", cluster=0))
        self.cluster.advance(1)
        port = one.ports[0].host
        expected = Target(one.id, CHECKED.check, "10.0.0.1", port, WEB, started=one.started)
        self.assertIn(expected, self.agent.looked)
        self.assertEqual(one.ports, (Port(8080, "tcp", one.ports[0].host),))

    def test_route(self) -> None:
        """A container behind HTTP must be reached at the address and port that its route names."""
        http = {"HostName": "example.com", "ContainerPort": "8080"}
        self.cluster.define(definition(Http=http, Health={"Type": "none"}))
        self.cluster.advance(1)
        (one,) = self.agent.running
        assert self.agent.routing is not None
        (upstream,) = self.agent.routing.routes[0].upstreams
        self.assertEqual(self.target(one).routes, ((upstream.address, upstream.port),))

    def test_routes(self) -> None:
        """A container whose entries of HTTP have two ports must be reached at both."""
        http = [{"HostName": "example.com", "ContainerPort": port, "Path": f"/{port}"} for port in ("8080", "9000")]
        self.cluster.define(definition(Http=http, Health={"Type": "none"}))
        self.cluster.advance(1)
        (one,) = self.agent.running
        assert self.agent.routing is not None
        routes = tuple((r.upstreams[0].address, r.upstreams[0].port) for r in self.agent.routing.routes)
        self.assertEqual((len(set(routes)), self.target(one).routes), (2, routes))

    def test_tcp_route(self) -> None:
        """One behind a TCP route must be reached at its host port, and it is the relay that must reach it."""
        of = definition(Tcp=[{"Port": 5432, "ContainerPort": 8080}], Health={"Type": "none"})
        one = container(of=of, ports=(Port(8080, "tcp", 20_000), Port(9, "tcp", 20_001)))
        (target,) = targets(Service(of, 1, 1), {1: (one,)}, "10.0.0.1").values()
        self.assertEqual((target.routes, target.router), ((("10.0.0.1", 20_000),), "the relay"))

    def test_proven(self) -> None:
        """A run that its claim reports as healthy is proven; the one before it proves nothing."""
        of = definition(Health={"Type": "tcp", "Port": "8080"})
        one = container(of=of, started=7.0)
        for started, expected in ((7.0, True), (6.0, False)):
            record = ClaimRecord("a", State.RUNNING, True, container=one.id, started=started)
            claims = {1: Claim(one.instance, record, 9, 9, 9)}
            (target,) = targets(Service(of, 1, 1), {1: (one,)}, "10.0.0.1", claims).values()
            self.assertEqual(target.proven, expected)

    def test_not_running(self) -> None:
        """A container that does not run is not checked."""
        one = self.run_checked()
        self.cluster.store.unavailable = True
        self.agent.docker.broken_images.add("web:1")
        self.agent.docker.crash(one.id)
        self.cluster.advance(1)
        self.agent.looked.clear()
        self.cluster.advance(30)
        self.assertEqual(self.agent.looked, [])

    def test_no_check_of_ours(self) -> None:
        """Nor is one without a check, or whose check is Docker's own."""
        self.cluster.define(definition(Health={"Type": "docker"}))
        self.cluster.advance(10)
        self.assertEqual((len(self.agent.running), self.agent.looked), (1, []))
