"""The surroundings of an agent: files that are read at its start, and followed from then on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.membership.etcd_certificates import EtcdCertificates
from daprdockr.agent.statedir import StateDir
from daprdockr.dns.endpoint import Endpoint
from daprdockr.etcd.address import Access
from daprdockr.etcd.stubs import grpc
from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.key_file import create_keys
from daprdockr.wiring.foundation import Surroundings, foundation, own_addresses, surroundings
from daprdockr.wiring.outside import Addresses, Machine
from daprdockr.wiring.real import real
from tests.build.pairs import self_signed
from tests.build.settings import settings
from tests.fakes.run import LoopClock

KEY = PrivateKey.generate()


def unknown() -> frozenset[str]:
    raise OSError("the kernel does not say")


class SurroundingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        self.home.mkdir()
        self.resolv_conf = self.home / "resolv.conf"

    def around(self, addresses: frozenset[str] = frozenset(), **changed: Any) -> Surroundings:
        chosen = settings("a", self.home / "state", **changed)
        state = StateDir(chosen.state_dir)
        outside = real(chosen, state, LoopClock())
        here = Addresses(lambda: addresses, lambda: addresses)
        machine = evolve(outside.machine, resolv_conf=self.resolv_conf, addresses=here)
        return surroundings(foundation(chosen, state, evolve(outside, machine=machine)))

    def written(self, name: str, text: str) -> Path:
        path = self.home / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def test_nothing(self) -> None:
        """An option that is not given follows nothing; there is no key while there is no file."""
        around = self.around()
        followed = (around.certificates, around.password, around.upstreams, around.given_pairs, around.api_token)
        self.assertEqual((followed, around.key_ids()), ((None,) * 5, frozenset()))
        self.assertEqual(around.all, (around.whereabouts, around.cluster_keys))

    def test_sleep(self) -> None:
        """The threads of an agent sleep until etcd sends something."""
        self.patch(grpc._common, "MAXIMUM_WAIT_TIMEOUT", 0.1)
        self.around()
        self.assertEqual(grpc._common.MAXIMUM_WAIT_TIMEOUT, 10.0)

    def test_keys(self) -> None:
        """The cluster key is that of the state directory, or the one that is named; one that is damaged is none."""
        (self.home / "state").mkdir()
        create_keys(self.home / "state" / "cluster.key", (KEY,))
        self.assertEqual(self.around().key_ids(), {KEY.public.id})
        damaged = self.written("other.key", "no key\n")
        self.assertEqual(self.around(cluster_key=damaged).key_ids(), frozenset())

    def test_certificates(self) -> None:
        """The certificates for etcd are known by their content; those that cannot be read are followed as well."""
        ca = self.written("ca.pem", self_signed(("etcd.test",)).chain)
        access = evolve(Access.parse("https://127.0.0.1:1"), ca=ca)
        followed = self.around(etcd=access).certificates
        ca.write_text(self_signed(("etcd.test",)).chain)
        changed = self.around(etcd=access).certificates
        ca.unlink()
        absent = self.around(etcd=access).certificates
        assert followed is not None and changed is not None and absent is not None
        self.assertEqual(len({followed.value.mark, changed.value.mark, absent.value.mark}), 3)
        self.assertEqual((list(followed.value.ends), absent.value), (["authority"], EtcdCertificates()))

    def test_password(self) -> None:
        """The password for etcd is followed where it comes from a file."""
        secret = {"password": "first", "password_file": self.written("pw", "first")}
        access = evolve(Access.parse("http://127.0.0.1:1"), user="a", **cast(Any, secret))
        followed = self.around(etcd=access).password
        assert followed is not None
        self.assertEqual(followed.value, "first")

    def test_token(self) -> None:
        """The token of the API opens it as soon as it can be read; until then nothing does."""
        token = "a-token-that-is-long-enough-for-this"
        for path, value in ((self.written("token", f"{token}\n"), token), (self.home / "absent", "")):
            followed = self.around(api_token_file=path).api_token
            assert followed is not None
            self.assertEqual(followed.value, value)

    def test_upstreams(self) -> None:
        """The name servers of resolv.conf are asked, but for this agent itself; none while there is none."""
        followed = self.around(dns=(("10.0.0.1", 53),), dns_upstream=None).upstreams
        assert followed is not None
        self.assertEqual(followed.value, ())
        self.resolv_conf.write_text("nameserver 10.0.0.1\nnameserver 192.0.2.53\n")
        for dns in ((("10.0.0.1", 53),), (("0.0.0.0", 53),)):
            followed = self.around(frozenset({"10.0.0.1"}), dns=dns, dns_upstream=None).upstreams
            assert followed is not None
            self.assertEqual(followed.value, (Endpoint("192.0.2.53", 53),))

    def test_own_addresses(self) -> None:
        """A kernel that does not say which addresses this host has leaves the agent without them, and alive."""
        outside = real(settings("a", self.home / "state"), StateDir(self.home / "state"), LoopClock())
        machine: Machine = evolve(outside.machine, addresses=Addresses(unknown, unknown))
        self.assertEqual(own_addresses(machine), frozenset())

    def test_shared_addresses(self) -> None:
        """The parts of an agent share a reading of the addresses, which its whereabouts renew."""
        clock = LoopClock()
        machine = real(settings("a", self.home / "state"), StateDir(self.home / "state"), clock).machine
        first = own_addresses(machine)
        self.assertIs(own_addresses(machine), first)
        read = machine.addresses.now()
        self.assertIsNot(read, first)
        self.assertIs(own_addresses(machine), read)
