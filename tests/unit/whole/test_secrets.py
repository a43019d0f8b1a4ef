"""Whole agents with secrets: who takes what, what is replaced, and what a node without the key does."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.stored.history import Revision
from daprdockr.model.stored.rollout import RolloutState
from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.key_file import create_keys
from tests.build.stored import revisions_in
from tests.build.values import KEYS, WEB, definition, named
from tests.build.whole import names
from tests.fakes.agents import MemoryAgent, MemoryCluster
from tests.fakes.command_line import LentStore, command_line
from tests.fakes.log_lines import LogLines

VALUE = b"correct horse battery staple"
ABSENT = os.strerror(errno.ENOENT)
ONLY_B = {"Constraints": ["node == b"]}


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

    def test_value_that_does_not_work(self) -> None:
        """No definition is put back for the sake of a secret: the rollout waits until the secret is set again."""
        self.command("set", "password", stdin=b"old")
        update = {"MinHealthy": 1, "Drain": 0}
        stored = definition(instances=1, Secrets=[{"Name": "password", "Env": "PASSWORD"}], Update=update)
        asked = json.dumps(stored.write()).encode()
        self.assertEqual(command_line(self.cluster.store, "-stdin", stdin=asked).status, 0)
        self.cluster.advance(20)
        self.assertTrue(self.history[-1].record.good)
        (former,) = names(self.a)
        self.command("set", "password", stdin=b"wrong")
        for _ in range(40):
            self.cluster.advance(0.5)
            self.end_all_of(b"wrong")
        known = self.a.parts.found.known.mirror.cluster.rollout(WEB)
        assert known is not None
        self.assertEqual(known.record.state, RolloutState.FAILED)
        self.assertIn("if a secret changed, set it again", known.record.reason)
        self.assertEqual((len(self.history), self.environment(self.a, "web")), (1, ["PASSWORD=old"]))
        self.assertEqual(command_line(self.cluster.store, "wait", "web.myapp").status, 1)
        self.command("set", "password", stdin=b"new")
        self.cluster.advance(20)
        self.assertEqual((names(self.a), self.environment(self.a, "web")), ([former], ["PASSWORD=new"]))
        self.assertEqual(command_line(self.cluster.store, "wait", "web.myapp").status, 0)

    @property
    def history(self) -> Sequence[Revision]:
        return revisions_in(self.cluster.store).revisions

    def end_all_of(self, value: bytes) -> None:
        """Have each container that got this value end by itself."""
        for one in self.a.running:
            if f"PASSWORD={value.decode()}" in self.a.docker.made_of[one.id]["Env"]:
                self.a.docker.crash(one.id, 3)

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

    def test_no_file(self) -> None:
        """A node whose settings name a file that is not there runs all but secrets, and ``nodes`` and log say so."""
        lines = LogLines(self)
        missing = Path(self.mktemp())
        c = self.cluster.add("c", cluster_key=missing)
        self.cluster.advance(10)
        (row,) = [row for row in command_line(self.cluster.store, "nodes", "-o", "json").json if row["Node"] == "c"]
        self.assertEqual((row["Ready"], row["Keyless"]), (True, f"the cluster key {missing} cannot be read: {ABSENT}"))
        self.assertIn(row["Keyless"], command_line(self.cluster.store, "nodes").stdout)
        self.assertEqual(len(lines(f"{missing} cannot be read")), 1)
        missing.write_bytes(self.key.read_bytes())
        missing.chmod(0o600)
        self.cluster.advance(10)
        record = c.cluster.nodes["c"].record
        self.assertEqual((record.keyless, record.keys != ()), ("", True))

    def test_why(self) -> None:
        """Where no node has the key, ``why`` and ``status`` say so, and what to do."""
        self.command("set", "password", stdin=VALUE)
        self.cluster.define(definition(instances=1, Secrets=[{"Name": "password"}], Placement=ONLY_B))
        self.cluster.advance(10)
        said = command_line(self.cluster.store, "why", "web.myapp").stdout
        self.assertIn("it has no cluster key, which secrets need", said)
        self.assertIn("copy the file that daprdockrcmd secret key made to a node, as cluster.key", said)
        (row,) = command_line(self.cluster.store, "status", "-o", "json").json["Services"]
        self.assertIn("1 of 1 waits for a node: no node that has the key to its secrets meets", row["Reason"])

    def test_other_key(self) -> None:
        """A node with the key of another cluster is none that opens these secrets."""
        other = Path(self.mktemp())
        create_keys(other, (PrivateKey.generate(),))
        self.cluster.add("c", cluster_key=other)
        self.command("set", "password", stdin=VALUE)
        self.cluster.define(definition(instances=4, Secrets=[{"Name": "password", "Env": "PASSWORD"}]))
        self.cluster.advance(10)
        self.assertEqual(len(names(self.a)), 4)
