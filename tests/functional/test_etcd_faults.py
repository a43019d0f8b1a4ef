"""Store, watch and follower when real members are killed, frozen or wiped, or have compacted."""

from __future__ import annotations

import threading

from daprdockr.etcd.address import Access
from daprdockr.etcd.failover import Failover
from daprdockr.model.errors import EtcdError, EtcdRefused, EtcdUnavailable
from daprdockr.model.stored.entries import Listing
from tests.build.ports import free_port
from tests.contracts.store import take
from tests.rig.docker_engine import until
from tests.rig.etcd_case import FaultCase
from tests.rig.etcd_members import EtcdMembers


class MemberTests(FaultCase):
    """One member of three is lost: etcd goes on, and so do we."""

    def test_killed_follower(self) -> None:
        """
        A member that does not lead is killed: every read and every beat after it succeeds, and every write but
        perhaps the one that was under way, of which nobody knows whether it happened.
        """
        members = self.start()
        store = self.connect(members.access)
        lease = store.grant(60).id
        victim = (members.leader() + 1) % 3
        lost = 0
        for number in range(300):
            if number == 100:
                members.kill(victim)
            try:
                store.put("/p/a", b"%d" % number, lease)
            except EtcdUnavailable:
                lost += 1
            self.assertIsNotNone(store.get("/p/a"))
            self.assertEqual(store.keep_alive(lease), 60)
        self.assertLessEqual(lost, 1)

    def test_killed_leader_during_a_watch(self) -> None:
        """Any member is killed, the leader too: a follower misses nothing."""
        members = self.start()
        store = self.connect(members.access)
        listener = self.follow(store)
        for number in range(3):
            members.kill(number)
            self.repeat(lambda number=number: store.put(f"/p/{number}", b""))  # type: ignore[misc]  # bound now
            self.until_told(listener, f"/p/{number}")
            members.start(number)
            members.wait_healthy()

    def test_frozen_member_costs_no_read_and_no_beat(self) -> None:
        """A member is frozen: reads and beats find another one within their time."""
        members = self.start()
        store = self.connect(members.access)
        lease = store.grant(60).id
        store.put("/p/a", b"")
        members.stop((members.leader() + 1) % 3)
        for _ in range(6):
            self.assertIsNotNone(store.get("/p/a"))
            self.assertEqual(store.keep_alive(lease), 60)

    def test_frozen_member_during_a_watch(self) -> None:
        """Whichever member a watch is on is frozen: the keepalive notices, and the follower resumes elsewhere."""
        members = self.start()
        ours = [self.connect(Access.parse(members.url(number))) for number in range(3)]
        victim = (members.leader() + 1) % 3
        both = self.connect(Access.parse(f"{members.url(victim)},{members.url((victim + 1) % 3)}"))
        # No list falls due that would end a deaf watch without the keepalive.
        listener = self.follow(both, relist=3600.0)
        members.kill((victim + 1) % 3)
        ours[victim].put("/p/a", b"")
        self.until_told(listener, "/p/a")
        members.start((victim + 1) % 3)
        members.wait_healthy()
        members.stop(victim)
        self.addCleanup(members.cont, victim)
        ours[(victim + 1) % 3].put("/p/b", b"")
        self.assertNotEqual(self.until_told(listener, "/p/b"), [])

    def test_frozen_member_found_out_by_a_beat(self) -> None:
        """A beat that is not answered by the member which the watch is on moves the watch too, before its keepalive."""
        members = self.start()
        victim = (members.leader() + 1) % 3
        other = (victim + 1) % 3
        access, failover = Access.parse(f"{members.url(victim)},{members.url(other)}"), Failover()
        store, beats = self.connect(access, failover=failover), self.connect(access, 1.0, failover)
        lease = beats.grant(60).id
        listener = self.follow(store, relist=3600.0)
        store.put("/p/a", b"")
        self.until_told(listener, "/p/a")
        self.assertEqual(failover.number, 0)
        members.stop(victim)
        self.addCleanup(members.cont, victim)
        self.assertEqual(beats.keep_alive(lease), 60)
        store.put("/p/b", b"")
        self.assertEqual(
            [str(error) for error in self.until_told(listener, "/p/b")],
            ["a member of etcd did not answer: the watch goes on at the next"],
        )

    def test_quorum_lost_and_back(self) -> None:
        """Two of three are killed: calls fail within their time and the watch ends; then all goes on."""
        members = self.start()
        store = self.connect(members.access, timeout=1.0)
        listener = self.follow(store)
        lease = store.grant(60).id
        members.kill(0)
        members.kill(1)
        for call in (
            lambda: store.get("/p/a"),
            lambda: store.put("/p/a", b""),
            lambda: store.list("/p/"),
            lambda: store.keep_alive(lease),
        ):
            error = self.assertRaises(EtcdUnavailable, call)
            self.assertIn(members.url(2), str(error))
        until(lambda: not listener.told.empty())
        self.assertIsInstance(listener.next(), EtcdUnavailable)
        members.start(0)
        members.start(1)
        members.wait_healthy()
        self.repeat(lambda: store.put("/p/b", b""))
        self.until_told(listener, "/p/b")
        self.assertEqual(store.keep_alive(lease), 60)


class HistoryTests(FaultCase):
    """etcd forgets, or is another one."""

    def test_compacted_while_away(self) -> None:
        """Changes that a follower missed are compacted: it lists, and goes on from there."""
        members = self.start(1)
        store = self.connect(members.access)
        listener = self.follow(store)
        away = self.connect(members.access)
        store.put("/p/a", b"")
        self.until_told(listener, "/p/a")
        members.kill(0)
        self.assertIsInstance(listener.next(), EtcdUnavailable)
        members.start(0)
        members.wait_healthy()
        revision = self.repeat(lambda: away.put("/p/b", b""))
        members.compact(revision)
        self.until_told(listener, "/p/b")
        store.put("/p/c", b"")
        self.until_told(listener, "/p/c")

    def test_wiped(self) -> None:
        """etcd is set up anew at the same place: a list shows the other cluster and its lower revision."""
        members = self.start(1)
        store = self.connect(members.access)
        before = store.list("/p/")
        listener = self.follow(store)
        for _ in range(5):
            store.put("/p/a", b"")
        self.until_told(listener, "/p/a")
        members.wipe()
        told = listener.next()
        while not isinstance(told, Listing):
            told = listener.next()
        self.assertNotEqual(told.cluster_id, before.cluster_id)
        self.assertEqual((told.revision, told.entries), (1, ()))

    def test_large_history(self) -> None:
        """A watch that catches up on more than gRPC's own 4 MiB is not broken by it."""
        members = self.start(1)
        store = self.connect(members.access)
        first = store.put("/p/0", b"")
        for number in range(1, 13):
            store.put(f"/p/{number}", b"x" * 1_000_000)
        watch = store.watch("/p/", first)
        self.assertEqual(sum(len(batch.changes) for batch in take(watch, 13)), 13)
        self.assertEqual(len(store.list("/p/").entries), 13)


class AuthenticationTests(FaultCase):
    """etcd with users."""

    def test_token_lost(self) -> None:
        """The members forget our token in a restart: calls, and the watch of a follower, get a new one."""
        members = self.start(1, password="secret")
        store = self.connect(members.access)
        listener = self.follow(store)
        store.put("/p/a", b"")
        self.until_told(listener, "/p/a")
        members.kill(0)
        members.start(0)
        members.wait_healthy()
        self.repeat(lambda: store.put("/p/b", b""))
        self.until_told(listener, "/p/b")

    def test_wrong_password(self) -> None:
        """A wrong password, and none, are refused in words."""
        members = self.start(1, password="secret")
        wrong = self.connect(Access.parse(members.urls, user="root", password="wrong"))
        self.assertIn("invalid user ID or password", str(self.assertRaises(EtcdRefused, wrong.get, "/p/a")))
        nobody = self.connect(Access.parse(members.urls))
        self.assertRaises(EtcdRefused, nobody.get, "/p/a")
        self.assertRaises(EtcdRefused, take, nobody.watch("/p/", 0), 1)

    def test_password_changed(self) -> None:
        """Another password is refused while the store has the old one, and from then on it works."""
        members = self.start(1, password="secret")

        def set_password(password: str) -> None:
            members.etcdctl("user", "add", f"agent:{password}")
            members.etcdctl("user", "grant-role", "agent", "root")

        set_password("old")
        store = self.connect(Access.parse(members.urls, user="agent", password="old"))
        store.put("/p/a", b"")
        members.etcdctl("user", "delete", "agent")
        set_password("new")
        self.assertIn("--etcd-password-file", str(self.assertRaises(EtcdRefused, store.put, "/p/a", b"")))
        store.use_password("new")
        store.put("/p/a", b"")

    def test_no_permission(self) -> None:
        """A user without permission is refused calls and watches."""
        members = self.start(1, password="secret")
        members.etcdctl("user", "add", "guest:guest")
        guest = self.connect(Access.parse(members.urls, user="guest", password="guest"))
        self.assertRaises(EtcdRefused, guest.put, "/p/a", b"")
        self.assertRaises(EtcdRefused, take, guest.watch("/p/", 0), 1)

    def test_beats(self) -> None:
        """A beat has a token too, and a new one once the members have forgotten it."""
        members = self.start(1, password="secret")
        store = self.connect(members.access)
        lease = store.grant(60).id
        self.assertEqual(store.keep_alive(lease), 60)
        members.kill(0)
        members.start(0)
        members.wait_healthy()
        self.assertEqual(self.repeat(lambda: store.keep_alive(lease)), 60)


class TlsTests(FaultCase):
    """etcd with TLS, each member with a certificate for its own address alone."""

    def test_each_member_is_used(self) -> None:
        """Whichever member is killed, calls go on with the others; a follower misses nothing."""
        members = self.start(tls=True)
        store = self.connect(members.access)
        listener = self.follow(store)
        for number in range(3):
            members.kill(number)
            self.repeat(lambda number=number: store.put(f"/p/{number}", b""))  # type: ignore[misc]  # bound now
            self.until_told(listener, f"/p/{number}")
            members.start(number)
            members.wait_healthy()

    def test_killed_follower(self) -> None:
        """A member that does not lead is killed: every read after it succeeds, and every write but perhaps one."""
        members = self.start(tls=True)
        store = self.connect(members.access)
        victim = (members.leader() + 1) % 3
        store.put("/p/a", b"")
        members.kill(victim)
        lost = 0
        for _ in range(50):
            try:
                store.put("/p/a", b"")
            except EtcdUnavailable:
                lost += 1
            self.assertIsNotNone(store.get("/p/a"))
        self.assertLessEqual(lost, 1)

    def test_untrusted(self) -> None:
        """Members of an unknown authority are not spoken to, and plain text to them suggests https."""
        members = self.start(1, tls=True)
        stranger = self.connect(Access(members.access.endpoints, secure=True), timeout=1.0)
        self.assertRaises(EtcdError, stranger.get, "/p/a")
        plain = self.connect(Access(members.access.endpoints), timeout=1.0)
        self.assertRaises(EtcdUnavailable, plain.get, "/p/a")


class SilenceTests(FaultCase):
    """Nobody is there."""

    def test_nobody_listens(self) -> None:
        """Calls end in time with a line that names the endpoints; closing ends one in flight."""
        access = Access.parse(f"http://127.0.0.1:{free_port()},http://127.0.0.1:{free_port()}")
        store = self.connect(access, timeout=0.5)
        error = self.assertRaises(EtcdUnavailable, store.get, "/p/a")
        self.assertIn(str(access), str(error))
        self.assertRaises(EtcdUnavailable, take, store.watch("/p/", 1), 1)

    def test_closed_in_flight(self) -> None:
        """A call that waits ends with EtcdUnavailable when the store is closed by another thread."""
        store = self.connect(Access.parse(f"http://127.0.0.1:{free_port()}"), timeout=600.0)
        timer = threading.Timer(0.3, store.close)
        timer.start()
        self.addCleanup(timer.join)
        self.assertRaises(EtcdUnavailable, store.get, "/p/a")

    def test_etcd_comes_later(self) -> None:
        """A store that was there first reaches etcd when it comes."""
        members = EtcdMembers(1)
        self.addCleanup(members.close)
        store = self.connect(members.access, timeout=0.5)
        for _ in range(12):
            self.assertRaises(EtcdUnavailable, store.get, "/p/a")
        members.start_all()
        self.repeat(lambda: store.put("/p/a", b""))

    def test_mixed_families(self) -> None:
        """Endpoints of both families in one list are all used."""
        members = self.start(1)
        access = Access.parse(f"http://[::1]:{free_port()},{members.url(0)}")
        self.repeat(lambda: self.connect(access).put("/p/a", b""))
