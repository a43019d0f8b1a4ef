"""Whole agents with secrets: who takes what, what is replaced, and what a node without the key does."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.key_file import create_keys
from tests.build.values import KEYS, definition, named
from tests.build.whole import names
from tests.fakes.agents import MemoryAgent, MemoryCluster
from tests.fakes.command_line import LentStore, command_line

VALUE = b"correct horse battery staple"


class SecretsTests(SynchronousTestCase):
    """Node ``a`` has the cluster key, node ``b`` does not."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.cluster.store = LentStore()
        self.key = Path(self.mktemp())
        self.command("key", str(self.key))
        self.a = self.cluster.add("a", cluster_key=self.key)
        self.b = self.cluster.add("b")
        self.cluster.advance(1)

    def command(self, *words: str, stdin: bytes = b"") -> None:
        done = command_line(self.cluster.store, "secret", *words, stdin=stdin)
        self.assertEqual(done.stderr, "")

    def environment(self, agent: MemoryAgent, service: str) -> list[str]:
        """The secret in the container of a service."""
        held = [agent.docker.made_of[one.id] for one in agent.running if service in str(one.instance)]
        return [line for body in held for line in body["Env"] if line.startswith("PASSWORD=")]

    def test_placed(self) -> None:
        """Only the node that has the key claims instances that need it; the others go to both nodes."""
        self.command("set", "password", stdin=VALUE)
        self.cluster.define(definition(instances=3, Secrets=[{"Name": "password", "Env": "PASSWORD"}]))
        self.cluster.define(named("api", 3))
        self.cluster.advance(10)
        self.assertEqual(len([name for name in names(self.a) if "web" in name]), 3)
        self.assertEqual({name.split(".")[1] for name in names(self.b)}, {"api"})
        self.assertEqual(self.environment(self.a, "web"), [f"PASSWORD={VALUE.decode()}"] * 3)

    def test_set_again(self) -> None:
        """A new value replaces the containers of the service that uses it, and touches no other."""
        self.command("set", "password", stdin=b"old")
        self.cluster.define(
            definition(Secrets=[{"Name": "password", "Env": "PASSWORD"}], Update={"MinHealthy": 0, "Drain": 0})
        )
        self.cluster.define(named("api"))
        self.cluster.advance(10)
        before = {one.id for agent in (self.a, self.b) for one in agent.running if "api" in str(one.instance)}
        self.command("set", "password", stdin=VALUE)
        self.cluster.advance(20)
        self.assertEqual(self.environment(self.a, "web"), [f"PASSWORD={VALUE.decode()}"])
        after = {one.id for agent in (self.a, self.b) for one in agent.running if "api" in str(one.instance)}
        self.assertEqual(before, after)

    def test_state(self) -> None:
        """The state directory has the record of the secret, and neither value nor sealed value."""
        self.command("set", "password", stdin=VALUE)
        self.cluster.define(definition(Secrets=[{"Name": "password", "Env": "PASSWORD"}]))
        self.cluster.advance(10)
        sealed = self.cluster.store.get(KEYS.sealed_secret("password"))
        assert sealed is not None
        self.a.stop()
        files = [path.read_bytes() for path in self.a.state.path.rglob("*") if path.is_file()]
        self.assertTrue(any(b"secrets/password" in content for content in files))
        self.assertFalse(any(VALUE in content or sealed.value in content for content in files))

    def test_key_comes_later(self) -> None:
        """A node whose operator copies the key to it takes part within seconds, without a restart."""
        self.command("set", "password", stdin=VALUE)
        self.cluster.define(definition(instances=1, Secrets=[{"Name": "password", "Env": "PASSWORD"}]))
        c = self.cluster.add("c")
        record = self.a.parts.found.known.mirror.cluster.nodes
        self.assertEqual([record[name].record.keys != () for name in ("a", "b", "c")], [True, False, False])
        (c.state.path / "cluster.key").write_bytes(self.key.read_bytes())
        (c.state.path / "cluster.key").chmod(0o600)
        self.cluster.advance(10)
        self.assertEqual(record["c"].record.keys, record["a"].record.keys)

    def test_other_key(self) -> None:
        """A node with the key of another cluster is none that opens these secrets."""
        other = Path(self.mktemp())
        create_keys(other, (PrivateKey.generate(),))
        self.cluster.add("c", cluster_key=other)
        self.command("set", "password", stdin=VALUE)
        self.cluster.define(definition(instances=4, Secrets=[{"Name": "password", "Env": "PASSWORD"}]))
        self.cluster.advance(10)
        self.assertEqual(len(names(self.a)), 4)
