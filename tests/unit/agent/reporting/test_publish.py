"""Publishing: which claims become names and routes, and when."""

from __future__ import annotations

from attrs import evolve

from daprdockr.model.host import Port
from daprdockr.model.known.changes import Changes
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.entries import Batch, Entry
from daprdockr.model.stored.pause import PauseMode, PauseRecord
from tests.build.publish_case import WITH_HTTP, PublishCase, record
from tests.build.values import API, HTTP, KEYS, WEB, definition


class ZoneTests(PublishCase):
    """Names."""

    def test_healthy(self) -> None:
        """Healthy instances of a defined service have names, wherever they run."""
        self.change(self.defined(definition(instances=2)), self.claimed(1, record("a")), self.claimed(2, record("b")))
        self.assertEqual(self.web, {"10.0.0.1", "10.0.0.2"})
        self.assertEqual(self.addresses(b"2", b"web", b"myapp"), {"10.0.0.2"})

    def test_unhealthy(self) -> None:
        """An instance whose owner does not say that it is healthy has none; the service's name stays."""
        self.change(self.defined(definition(instances=2)), self.claimed(1, record("a", healthy=False)))
        self.assertEqual((self.web, self.addresses(b"1", b"web", b"myapp")), (set(), None))

    def test_surplus(self) -> None:
        """An instance beyond the wanted number has none, from the change of the definition on."""
        self.change(self.defined(definition(instances=2)), self.claimed(1, record("a")), self.claimed(2, record("b")))
        self.change(self.defined(definition(instances=1)))
        self.assertEqual((self.web, self.addresses(b"2", b"web", b"myapp")), ({"10.0.0.1"}, None))

    def test_undefined(self) -> None:
        """A claim of a service that is not defined has none."""
        self.change(self.claimed(1, record("a")))
        self.assertIsNone(self.web)

    def test_deleted(self) -> None:
        """With the definition the names go, while claims still stand."""
        self.change(self.defined(definition()), self.claimed(1, record("a")))
        self.change(self.gone(KEYS.service(WEB)))
        self.assertIsNone(self.web)

    def test_nothing_at_all(self) -> None:
        """A cluster without services has a zone nevertheless, with this node as its name server."""
        self.publish.on_changes(Changes(nodes=True))
        self.clock.advance(0)
        self.assertEqual(self.addresses(b"a", b"ns", b"dns"), {"10.0.0.1"})

    def test_moved_before_anything_is_known(self) -> None:
        """Another address of this node publishes nothing while nothing is known: routes of before would be replaced."""
        self.publish.on_move(["10.0.0.9"])
        self.clock.advance(1)
        self.assertEqual((self.zones, self.routings), ([], []))
        self.change(self.defined(definition()))
        self.assertEqual(self.addresses(b"a", b"ns", b"dns"), {"10.0.0.9"})

    def test_unchanged(self) -> None:
        """DNS is not bothered with what does not change its names, so what it has worked out stays."""
        self.change(self.defined(definition(instances=2)), self.claimed(1, record("a")))
        self.change(self.claimed(2, record("b", healthy=False)))
        self.change(self.claimed(1, record("a", reason="told anew")))
        self.assertEqual(len(self.zones), 1)

    def test_declared_again(self) -> None:
        """A service that is deleted and defined again has its name again."""
        self.change(self.defined(definition()))
        self.change(self.gone(KEYS.service(WEB)))
        self.change(self.defined(definition()))
        self.assertEqual((len(self.zones), self.web), (3, set()))

    def test_one_turn(self) -> None:
        """Changes of one turn are published once, and services that did not change are not touched."""
        self.change(self.defined(definition()), self.claimed(1, record("a")))
        tree = self.zones[-1].groups[b"myapp"].services[b"web"]
        for revision in (5, 6):
            other = Entry(KEYS.service(API), b"{}", revision, revision)
            self.publish.on_changes(self.cluster.apply(Batch(1, revision, (other,))))
        self.clock.advance(0)
        self.assertEqual(len(self.zones), 2)
        self.assertIs(self.zones[-1].groups[b"myapp"].services[b"web"], tree)


class HeldTests(PublishCase):
    """Definitions that cannot be read."""

    def broken(self) -> Entry:
        return self.put(KEYS.service(WEB), b"{")

    def test_became_unreadable(self) -> None:
        """A definition that became unreadable keeps names and routes as they were."""
        self.change(self.defined(WITH_HTTP), self.claimed(1, record("a")))
        before = self.routes
        self.change(self.broken())
        self.assertEqual((self.web, self.routes), ({"10.0.0.1"}, before))

    def test_never_readable(self) -> None:
        """Of one that never was readable all healthy claims count, because nothing is known against them."""
        self.change(self.broken(), self.claimed(1, record("a")), self.claimed(9, record("b")))
        self.assertEqual(self.web, {"10.0.0.1", "10.0.0.2"})

    def test_deleted(self) -> None:
        """Its deletion is a deletion."""
        self.change(self.broken(), self.claimed(1, record("a")))
        self.change(self.gone(KEYS.service(WEB)))
        self.assertIsNone(self.web)


class RouteTests(PublishCase):
    """Routes."""

    def test_healthy(self) -> None:
        """A host name leads to the healthy instances, and says which of them run here."""
        self.change(self.defined(WITH_HTTP), self.claimed(1, record("a")), self.claimed(2, record("b", 20001)))
        self.assertEqual(self.routes, {"example.com": [("10.0.0.1", 20000, True), ("10.0.0.2", 20001, False)]})

    def test_entries(self) -> None:
        """Each entry of ``Http`` leads to its own port of the instances, where that is published."""
        more = {"StripPath": True, "Hold": 0, "MaxBody": 9, "Timeout": 5, "Sticky": "who", "Buffer": True}
        entries = [HTTP, {**HTTP, "Path": "/metrics", "ContainerPort": "9000", "MaxHeader": 99, **more}]
        two = (Port(8080, "tcp", 20000), Port(9000, "tcp", 30000))
        self.change(self.defined(definition(instances=2, Http=entries)))
        self.change(self.claimed(1, record("a", ports=two)), self.claimed(2, record("b")))
        web, metrics = self.routings[-1].routes
        self.assertEqual((web.path, web.pool, [u.port for u in web.upstreams]), ("/", "", [20000, 20000]))
        self.assertEqual((metrics.pool, [u.port for u in metrics.upstreams]), ("web.myapp:9000", [30000]))
        self.assertEqual((metrics.path, metrics.strip_path, metrics.hold), ("/metrics", True, 0))
        self.assertEqual((web.max_header, metrics.max_header), (0, 99))
        self.assertEqual((web.max_body, metrics.max_body), (0, 9))
        self.assertEqual((web.timeout, metrics.timeout), (3600, 5))
        self.assertEqual((web.sticky, metrics.sticky), ("", "who"))
        self.assertEqual((web.buffer, metrics.buffer), (False, True))

    def test_tls(self) -> None:
        """A route has the wishes of its entry about TLS."""
        self.change(self.defined(definition(Http=[HTTP, {**HTTP, "Path": "/x", "Tls": "require", "Hsts": 60}])))
        found = [(route.tls, route.hsts) for route in self.routings[-1].routes]
        self.assertEqual(found, [("auto", 0), ("require", 60)])

    def test_none_healthy(self) -> None:
        """A host name without healthy instances leads nowhere, and still is the service's."""
        self.change(self.defined(WITH_HTTP), self.claimed(1, record("a", healthy=False)))
        self.assertEqual(self.routes, {"example.com": []})

    def test_none_wanted(self) -> None:
        """A request waits for an instance only while the definition wants some."""
        for instances, hold in ((1, 10), (0, 0), (2, 10)):
            self.change(self.defined(definition(instances=instances, Http=HTTP)))
            self.assertEqual((self.routes, self.routings[-1].routes[0].hold), ({"example.com": []}, hold))

    def test_added(self) -> None:
        """An entry that is added, in whatever place, with another port leads to no container of the former one."""
        admin = {"HostName": "admin.example.com", "ContainerPort": 9090}
        for entries in ([HTTP, admin], [admin, HTTP], [admin, {**HTTP, "ContainerPort": 9091}]):
            self.change(
                self.defined(definition(instances=2, Http=entries)),
                self.claimed(1, record("a", routed=WITH_HTTP.routed_ports)),
            )
            self.assertEqual((len(self.routes["example.com"]), self.routes["admin.example.com"]), (1, []))

    def test_not_published(self) -> None:
        """An instance whose port is not published on its host is not routed to."""
        for told in (record("a", ports=()), record("a", 0), record("a", ports=(Port(8080, "udp", 7),))):
            self.change(self.defined(WITH_HTTP), self.claimed(1, told))
            self.assertEqual(self.routes, {"example.com": []})

    def test_no_http_any_more(self) -> None:
        """A definition without HTTP has no route."""
        self.change(self.defined(WITH_HTTP), self.claimed(1, record("a")))
        self.change(self.defined(definition(instances=2)))
        self.assertEqual(self.routes, {})

    def test_deleted(self) -> None:
        """With the definition the route goes."""
        self.change(self.defined(WITH_HTTP), self.claimed(1, record("a")))
        self.change(self.gone(KEYS.service(WEB)))
        self.assertEqual(self.routes, {})

    def test_unchanged(self) -> None:
        """nginx is not bothered with what does not change its routes."""
        self.change(self.defined(WITH_HTTP), self.claimed(1, record("a")))
        self.change(self.claimed(1, record("a", reason="told anew")))
        self.change(self.claimed(2, record("b", healthy=False)))
        self.assertEqual(len(self.routings), 1)

    def test_paused(self) -> None:
        """
        A pause shows in all routes of its service, also when the definition changes, until its key is deleted; names
        do not change.
        """
        self.change(self.defined(WITH_HTTP), self.claimed(1, record("a")))
        names = self.web
        pause = PauseRecord(PauseMode.MAINTENANCE, "back soon", by="anna@desk")
        self.change(self.put(KEYS.pause(WEB), pause.encode()))
        self.assertEqual([route.pause for route in self.routings[-1].routes], [pause])
        self.change(self.defined(evolve(WITH_HTTP, instances=1)))
        self.change(self.gone(KEYS.service(WEB)))
        self.change(self.defined(WITH_HTTP), self.claimed(2, record("b")))
        self.assertEqual([route.pause for route in self.routings[-1].routes], [pause])
        self.change(self.put(KEYS.pause(API), PauseRecord().encode()))
        self.change(self.gone(KEYS.pause(WEB)))
        self.assertEqual([route.pause for route in self.routings[-1].routes], [None])
        self.change(self.gone(KEYS.claim(InstanceName(WEB, 2))))
        self.assertEqual((len(self.zones), self.web), (4, names))

    def test_conflict(self) -> None:
        """A host name that an older service has stays there; that is reported once, and again if it comes again."""
        taken = evolve(definition(Http=HTTP), name=API)
        self.change(self.defined(WITH_HTTP), self.claimed(1, record("a")))
        self.change(self.defined(taken), self.claimed(1, record("b"), API))
        self.change(self.claimed(2, record("b", 20001)))
        self.assertEqual(list(self.routes), ["example.com"])
        conflict = (str(API), "host name example.com already belongs to web.myapp")
        self.assertEqual(self.told, [conflict])
        self.change(self.gone(KEYS.service(WEB)))
        self.assertEqual(self.routes, {"example.com": [("10.0.0.2", 20000, False)]})


class RevisionTests(PublishCase):
    """How far names and routes are."""

    def test_revision(self) -> None:
        """It is that of the cluster, but for changes that are not published yet; 0 before anything was."""
        seen: list[int] = []
        self.publish.published.subscribe(lambda: seen.append(self.publish.revision))
        self.assertEqual(self.publish.revision, 0)
        self.change(self.defined(definition()))
        first = self.cluster.revision
        self.assertEqual((self.publish.revision, seen), (first, [first]))
        self.cluster.apply(Batch(1, first + 5, ()))
        self.assertEqual(self.publish.revision, first + 5)
        self.publish.on_changes(self.cluster.apply(Batch(1, first + 6, (self.claimed(1, record("a")),))))
        self.assertEqual(self.publish.revision, first)
        self.clock.advance(0)
        self.assertEqual((self.publish.revision, seen), (first + 6, [first, first + 6]))
