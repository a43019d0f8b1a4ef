"""The values of the metrics: those of a whole agent in memory agree with what status, ps and nodes show."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from attrs import evolve

from daprdockr.api import metric
from daprdockr.api.exposition import exposition
from daprdockr.api.metric import METRICS, Metric, MetricKind, Sample
from daprdockr.model.etcd_look import KnownRoom
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.certificate import ACME, CertificateFacts, CertificateRecord
from daprdockr.model.stored.cordon import asking_to_drain
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.renewal import ChallengeRecord
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.stored.slot import SlotRecord
from daprdockr.proxy.nginx import ProxyStatus
from daprdockr.runtime.durations import Distribution
from daprdockr.wiring.edges import Edges
from daprdockr.wiring.measuring import measured
from tests.build.jobs import REPORT, end_runs, job
from tests.build.values import KEYS, definition
from tests.build.whole import WholeCase
from tests.fakes.etcd_upkeep import MIB, looked, status

LATER: tuple[Metric, ...] = (
    metric.DNS_REPLIES,
    metric.DNS_EVENTS,
    metric.ROUTES,
    metric.ROUTE_ENDPOINTS,
    metric.ROUTE_CHANGES,
    metric.ROUTE_FAILURES,
    metric.HELD,
    metric.RETRIED,
    metric.UNSERVED,
    metric.PAUSED,
    metric.JOB_FAILED,
    metric.JOB_MISSED,
    metric.CERTIFICATE_END,
    metric.CERTIFICATE_BEGIN,
    metric.CERTIFICATE_AWAITED,
    metric.CERTIFICATE_UNUSABLE,
    metric.ETCD_MEMBERS,
    metric.ETCD_SIZE,
    metric.ETCD_QUOTA,
    metric.ETCD_ALARM,
    metric.ETCD_COMPACTED,
)
"""Those of parts that an agent in memory does not have."""


class MeasuredCase(WholeCase):
    """``outward`` takes the place of the agent's own parts of this kind."""

    outward: Edges | None = None

    def measured(self) -> list[Sample]:
        parts = self.agent.parts
        return self.successResultOf(measured(evolve(parts, outward=self.outward or parts.outward)))

    def values(self, of: Metric) -> dict[tuple[str, ...], float | Distribution]:
        return {sample.labels: sample.value for sample in self.measured() if sample.metric is of}


class MeasuredTests(MeasuredCase):
    def with_room(self) -> list[Sample]:
        """Return the values of an agent that has seen the room in etcd."""
        look = evolve(looked(status(1), status(2), full={2}), quota=20 * MIB, compacted=7)
        parts, room = self.agent.parts, SimpleNamespace(known=KnownRoom(look, 1.0))
        found = evolve(parts.found, member=evolve(parts.found.member, room=cast(Any, room)))
        return self.successResultOf(measured(evolve(parts, found=found)))

    def test_instances(self) -> None:
        """Services, instances and steps are counted as they come to run; a start is one duration."""
        self.cluster.define(definition(instances=2))
        self.cluster.advance(3)
        self.assertEqual(self.values(metric.WANTED), {("web.myapp",): 2})
        self.assertEqual(self.values(metric.RUNNING), {("web.myapp",): 2})
        self.assertEqual(self.values(metric.SERVICE_HEALTHY), {("web.myapp",): 2})
        self.assertEqual(self.values(metric.INSTANCES)["running",], 2)
        self.assertEqual(self.values(metric.STEPS)["start_container", "done"], 2)
        started = self.values(metric.STEP_DURATION)["start_container",]
        assert isinstance(started, Distribution)
        self.assertEqual(sum(started.counts), 2)

    def test_nodes(self) -> None:
        """A node is ready, until it is cordoned."""
        self.assertEqual(self.values(metric.NODES)["ready",], 1)
        self.cluster.store.put(KEYS.cordon("a"), b"")
        self.cluster.advance(1)
        self.assertEqual(self.values(metric.NODES)["ready",], 0)
        self.assertEqual(self.values(metric.NODES)["cordoned",], 1)

    def test_jobs(self) -> None:
        """A job has one series of each metric of jobs, a service none; a run that fails shows in it."""
        self.cluster.define(definition())
        self.cluster.define(job(Once=True))
        self.cluster.advance(2)
        name = (str(REPORT),)
        self.assertEqual((self.values(metric.JOB_FAILED), self.values(metric.JOB_MISSED)), ({name: 0}, {name: 0}))
        end_runs(self.agent, status=3)
        self.cluster.advance(1)
        self.assertEqual((self.values(metric.JOB_FAILED), self.values(metric.JOB_MISSED)), ({name: 1}, {name: 0}))

    def test_room(self) -> None:
        """The room in etcd is among them as soon as it was seen."""
        self.assertEqual(self.values(metric.ETCD_SIZE), {})
        samples = self.with_room()
        told = {(one.metric, *one.labels): one.value for one in samples if one.metric.name.startswith("daprdockr_etcd")}
        wanted = {
            (metric.ETCD_MEMBERS, "answering"): 2,
            (metric.ETCD_MEMBERS, "all"): 3,
            (metric.ETCD_SIZE,): 10 * MIB,
            (metric.ETCD_QUOTA,): 20 * MIB,
            (metric.ETCD_ALARM, "nospace"): True,
            (metric.ETCD_ALARM, "corrupt"): False,
            (metric.ETCD_COMPACTED,): 7,
        }
        self.assertEqual({key: told[key] for key in wanted}, wanted)

    def test_lease(self) -> None:
        """The lease is certain for at most its TTL, and for no time once etcd was silent for longer."""
        (left,) = self.values(metric.LEASE_LEFT).values()
        assert isinstance(left, float)
        self.assertTrue(3.0 < left <= 6.0)
        self.assertEqual(self.values(metric.HEALTHY)["heartbeat",], 1)
        self.cluster.store.unavailable = True
        self.cluster.advance(8)
        self.assertEqual(self.values(metric.LEASE_LEFT), {(): 0.0})
        self.assertEqual(self.values(metric.HEALTHY)["heartbeat",], 0)

    def test_certificates(self) -> None:
        """Of the files of a name on several nodes the first one to expire counts."""
        for node, end in (("b", 2e9), ("c", 1.9e9)):
            record = NodeRecord(certificates={"a.test": end, f"{node}.test": end}, brief={"b.test": 1.99e9})
            self.cluster.store.put(KEYS.node(node), record.encode(), self.cluster.store.grant(60).id)
        self.cluster.advance(1)
        ends = {("a.test", "file"): 1.9e9, ("b.test", "file"): 2e9, ("c.test", "file"): 1.9e9}
        self.assertEqual(self.values(metric.CERTIFICATE_END), ends)
        self.assertEqual(self.values(metric.CERTIFICATE_BEGIN), {("b.test", "file"): 1.99e9})

    def test_certificate_that_nobody_needs(self) -> None:
        """One by ACME for a host name that no service has any more is not renewed, and its end concerns nobody."""
        for name in ("old.test.example", "a.test.example"):
            record = CertificateRecord("s", "k", CertificateFacts((name,), 1.9e9, 2e9), ACME)
            self.cluster.store.put(KEYS.certificate(name), record.encode())
        self.cluster.define(definition(Http={"HostName": "a.test.example", "ContainerPort": 80}))
        self.cluster.advance(1)
        self.assertEqual(self.values(metric.CERTIFICATE_END), {("a.test.example", "acme"): 2e9})
        self.assertEqual(self.values(metric.CERTIFICATE_BEGIN), {("a.test.example", "acme"): 1.9e9})

    def test_certificate_that_is_awaited(self) -> None:
        """A host name without a certificate counts as soon as somebody uses ACME, until it has one."""
        self.cluster.define(definition(Http={"HostName": "a.test.example", "ContainerPort": 80}))
        self.cluster.advance(1)
        self.assertEqual(self.values(metric.CERTIFICATE_AWAITED), {})
        self.cluster.store.put(KEYS.challenge, ChallengeRecord("0" * 43).encode())
        self.cluster.advance(1)
        self.assertEqual(self.values(metric.CERTIFICATE_AWAITED), {("a.test.example",): 1})
        record = CertificateRecord("s", "k", CertificateFacts(("a.test.example",), 1.9e9, 2e9), ACME)
        self.cluster.store.put(KEYS.certificate("a.test.example"), record.encode())
        self.cluster.advance(1)
        self.assertEqual(self.values(metric.CERTIFICATE_AWAITED), {})

    def test_certificate_that_cannot_be_used(self) -> None:
        """It counts, and so does one that is missing where clients are led to HTTPS; not while out of touch."""
        record = NodeRecord(tls=True, uncertified={"a.test": "its key is another one's"})
        self.cluster.store.put(KEYS.node("b"), record.encode(), self.cluster.store.grant(60).id)
        self.cluster.define(definition(Http={"HostName": "b.test", "ContainerPort": 80, "Tls": "require"}))
        self.cluster.advance(1)
        self.assertEqual(self.values(metric.CERTIFICATE_UNUSABLE), {("a.test",): 1, ("b.test",): 1})
        self.cluster.store.unavailable = True
        self.cluster.advance(8)
        self.assertEqual(self.values(metric.CERTIFICATE_UNUSABLE), {})

    def test_missing_and_awaited(self) -> None:
        """One that ACME is about to give is awaited, which may take an hour, also where clients are led to HTTPS."""
        self.cluster.store.put(KEYS.node("b"), NodeRecord(tls=True).encode(), self.cluster.store.grant(60).id)
        self.cluster.store.put(KEYS.challenge, ChallengeRecord("0" * 43).encode())
        self.cluster.define(definition(Http={"HostName": "b.test", "ContainerPort": 80, "Tls": "require"}))
        self.cluster.advance(1)
        self.assertEqual(self.values(metric.CERTIFICATE_AWAITED), {("b.test",): 1})
        self.assertEqual(self.values(metric.CERTIFICATE_UNUSABLE), {})

    def test_node_states(self) -> None:
        """A node that is drained is cordoned too, and counts once; one that is not ready counts as that."""
        self.cluster.store.put(KEYS.cordon("a"), asking_to_drain())
        self.cluster.store.put(KEYS.node("b"), NodeRecord().encode(), self.cluster.store.grant(60).id)
        self.cluster.advance(1)
        counted = {state: count for (state,), count in self.values(metric.NODES).items()}
        self.assertEqual(sum(cast(Any, count) for count in counted.values()), 2)
        self.assertEqual((counted["draining"], counted["cordoned"]), (1, 0))

    def test_node_that_can_start_nothing(self) -> None:
        """A node that can start nothing is not ready, as on the page, whatever it says of itself."""
        records = (NodeRecord(trouble="no space left on device"), NodeRecord(refused="may not write"), NodeRecord())
        for name, record in zip("bcd", records, strict=True):
            self.cluster.store.put(KEYS.node(name), record.encode(), self.cluster.store.grant(60).id)
        self.cluster.store.put(KEYS.cordon("c"), b"")
        self.cluster.advance(1)
        counted = {state: count for (state,), count in self.values(metric.NODES).items()}
        self.assertEqual(counted, {"ready": 2, "cordoned": 0, "draining": 0, "not_ready": 2})

    def test_rollouts(self) -> None:
        """A rollout that is paused is under way no more, though the slot of the instance that failed stays taken."""
        wanted = definition()
        self.cluster.define(wanted)
        self.cluster.advance(3)
        record = SlotRecord("b", InstanceName(wanted.name, 1), wanted.digest)
        self.cluster.store.put(KEYS.slot(wanted.name, 1), record.encode(), self.cluster.store.grant(60).id)
        self.cluster.advance(0.1)
        self.assertEqual(self.values(metric.ROLLOUTS)["under_way",], 1)
        for state, under_way in ((RolloutState.PAUSED, 0), (RolloutState.REVERTED, 1)):
            stopped = RolloutRecord(state, before=wanted.stated.digest, to=wanted.digest)
            self.cluster.store.put(KEYS.rollout(wanted.name), stopped.encode())
            self.cluster.advance(0.1)
            counted = self.values(metric.ROLLOUTS)
            self.assertEqual((counted["under_way",], counted[state.value,]), (under_way, 1))

    def test_out_of_touch(self) -> None:
        """
        An agent out of touch with etcd says nothing of services, nodes and etcd's members: the maximum over all agents
        would be what it saw last.
        """
        self.cluster.define(definition(instances=2))
        self.cluster.define(job())
        self.cluster.advance(3)
        self.assertEqual(self.values(metric.SERVICE_HEALTHY)["web.myapp",], 2)
        self.cluster.store.unavailable = True
        self.cluster.advance(8)
        self.assertEqual(self.values(metric.IN_TOUCH), {(): False})
        shared = {metric.NODES, metric.WANTED, metric.RUNNING, metric.SERVICE_HEALTHY, metric.UNUSABLE, metric.ROLLOUTS}
        shared |= {metric.JOB_FAILED, metric.JOB_MISSED}
        shared |= {metric.ETCD_MEMBERS, metric.ETCD_SIZE, metric.ETCD_QUOTA, metric.ETCD_ALARM, metric.ETCD_COMPACTED}
        self.assertEqual(shared & {sample.metric for sample in self.with_room()}, set())
        self.assertEqual(self.values(metric.INSTANCES)["running",], 2)
        self.cluster.store.unavailable = False
        self.cluster.advance(8)
        self.assertEqual(self.values(metric.SERVICE_HEALTHY)["web.myapp",], 2)

    def test_all(self) -> None:
        """Each metric has a value, with its labels, in a text that is not long."""
        self.cluster.define(definition())
        self.cluster.advance(3)
        samples = self.measured()
        self.assertEqual({sample.metric for sample in samples}, set(METRICS).difference(LATER))
        for sample in samples:
            self.assertEqual(len(sample.labels), len(sample.metric.labels), sample)
            self.assertEqual(isinstance(sample.value, Distribution), sample.metric.kind is MetricKind.HISTOGRAM)
        self.assertLess(len(exposition(samples)), 64 * 1024)


class Front:
    """In the place of nginx and its door: what it leads where, and what it counted."""

    def __init__(self, counts: dict[str, int]) -> None:
        upstream = cast(Any, object())
        self.door = self
        self.led = (SimpleNamespace(upstreams=(upstream, upstream)), SimpleNamespace(upstreams=(upstream,)))
        self.status = ProxyStatus(True, None, "", changes=7, failures=2)
        self._counts = counts

    async def counts(self) -> dict[str, int]:
        return self._counts


class OutwardTests(MeasuredCase):
    """The values of nginx and of the DNS server."""

    def test_http(self) -> None:
        """Routes and endpoints are counted, and what nginx counted itself; what it did not say is left out."""
        front = cast(Any, Front({"held": 3, "retried": 4}))
        self.outward = evolve(self.agent.parts.outward, nginx=front)
        self.assertEqual((self.values(metric.ROUTES), self.values(metric.ROUTE_ENDPOINTS)), ({(): 2}, {(): 3}))
        self.assertEqual((self.values(metric.ROUTE_CHANGES), self.values(metric.ROUTE_FAILURES)), ({(): 7}, {(): 2}))
        self.assertEqual((self.values(metric.HELD), self.values(metric.RETRIED)), ({(): 3}, {(): 4}))
        self.assertEqual(self.values(metric.UNSERVED), {})

    def test_dns(self) -> None:
        """Replies are counted by type and result in few words, whatever was asked for; so are events."""
        outcomes = {(1, 0): 5, (1, 3): 1, (99, 0): 2, (98, 0): 4}
        server = SimpleNamespace(outcomes=outcomes, counts={"dropped": 9})
        self.outward = evolve(self.agent.parts.outward, dns=cast(Any, server))
        expected = {("A", "noerror"): 5, ("A", "nxdomain"): 1, ("other", "noerror"): 6}
        self.assertEqual(self.values(metric.DNS_REPLIES), expected)
        self.assertEqual(self.values(metric.DNS_EVENTS), {("dropped",): 9})
