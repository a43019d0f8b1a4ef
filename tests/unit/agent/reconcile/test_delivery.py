"""Secrets and files that are delivered to containers by the steps that create, start, renew and remove them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred

from daprdockr.model.errors import EngineRefused, EngineUnavailable
from daprdockr.model.host import ContainerState
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.entries import Put
from daprdockr.model.stored.files import FileContent, FileRecord
from daprdockr.model.stored.sealed import SealedValue, SecretRecord, bound_to
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.files import stamp_of
from daprdockr.planning.container_steps import CreateContainer, RemoveContainer, RenewFiles, StartContainer
from daprdockr.planning.keeping.delivered import renewable
from daprdockr.planning.outcome import Done, Retry
from daprdockr.sealing.boxes import PrivateKey, seal
from tests.build.carry_out import FIRST, CarryOutCase
from tests.build.values import KEYS, WEB, definition
from tests.fakes.run import HeldRun

KEY = PrivateKey.generate()
VALUE = b"correct horse"
AWAY = "the Docker Engine did not answer: the test took it away"
SECRETS = [{"Name": "password"}, {"Name": "password", "Env": "PASSWORD"}]


class DeliveryTests(CarryOutCase):
    def setUp(self) -> None:
        super().setUp()
        self.secret_keys.append(KEY)
        self.set_secret()

    def set_secret(self, value: bytes = VALUE, stamp: str = "s1", bound: str = "s1") -> None:
        record = SecretRecord(1, stamp, len(value), KEY.public.id)
        sealed = SealedValue(KEY.public.id, stamp, seal(KEY.public, value, bound_to("password", bound)))
        self.store.commit(
            (), (Put(KEYS.secret("password"), record.encode()), Put(KEYS.sealed_secret("password"), sealed.encode()))
        )

    def defined(self, **members: Any) -> Definition:
        """The definition that is in force, as the mirror has it."""
        self.store.put(KEYS.service(WEB), definition(**{"Secrets": SECRETS, **members}).encode())
        self.mirror.cluster.replace(self.store.list(KEYS.mirrored))
        return self.mirror.cluster.services[WEB].definition

    def made(self, **members: Any) -> ContainerState:
        self.do(CreateContainer(FIRST, self.defined(**members), (), 40))
        (container,) = self.host.containers
        return container

    @property
    def source(self) -> Path:
        """The file on the host that the last container has mounted."""
        (mount,) = self.engine.bodies[-1]["HostConfig"]["Mounts"]
        return Path(mount["Source"])

    def test_created(self) -> None:
        """The body has the value as a variable only; the file is in memory, and mounted where it is wanted."""
        self.made(Container={"User": str(os.geteuid())})
        body = self.engine.bodies[-1]
        self.assertIn("PASSWORD=correct horse", body["Env"])
        self.assertEqual(body["HostConfig"]["Mounts"][0]["Target"], "/run/secrets/password")
        self.assertEqual(str(body).count("correct horse"), 1)
        self.assertEqual(self.source.read_bytes(), VALUE)
        self.assertTrue(self.source.is_relative_to(self.memory))

    def test_started(self) -> None:
        """Before the start the file is given to the container's user."""
        container = self.made(Container={"User": str(os.geteuid())})
        self.assertFalse(self.delivery.secrets.is_complete(container.name))
        self.do(StartContainer(FIRST, container.id))
        self.assertTrue(self.delivery.secrets.is_complete(container.name))
        self.assertEqual(self.source.stat().st_uid, os.geteuid())

    def test_started_after_the_host(self) -> None:
        """When the memory is empty the files are read again; a container whose files are there needs no etcd."""
        container = self.made()
        self.do(StartContainer(FIRST, container.id))
        self.engine.crash(container.id)
        self.store.unavailable = True
        self.do(StartContainer(FIRST, container.id))
        self.engine.crash(container.id)
        shutil.rmtree(self.memory)
        said = self.fails(StartContainer(FIRST, container.id), EngineUnavailable)
        self.assertIn("secret password cannot be read", said)
        self.store.unavailable = False
        self.do(StartContainer(FIRST, container.id))
        self.assertEqual(self.source.read_bytes(), VALUE)

    def test_removed(self) -> None:
        """The files go with the container."""
        container, source = self.made(), self.source
        self.begin(RemoveContainer(FIRST, container.id, "deleted"))
        self.stops.end("remove")
        self.assertFalse(source.exists())

    def test_removed_once(self) -> None:
        """Containers that were removed are not remembered: the next one that has files does not wait for them."""
        container = self.made(Container={"User": str(os.geteuid())})
        self.do(StartContainer(FIRST, container.id))
        self.engine.crash(container.id)
        self.begin(RemoveContainer(FIRST, container.id, "deleted"))
        self.stops.end("remove")
        calls = HeldRun()
        Deferred.fromCoroutine(self.delivery.prepare(calls, "next", self.defined()))
        self.assertEqual(calls.names, ["keep_only"])

    def test_removed_by_somebody_else(self) -> None:
        """The files of a container that a person removed go when others are written, also if this agent wrote them."""
        container = self.made(Container={"User": str(os.geteuid())})
        self.do(StartContainer(FIRST, container.id))
        former = self.source
        self.engine.remove(container.id)
        self.host.containers.forget(container.id)
        self.do(CreateContainer(InstanceName(WEB, 2), self.defined(), (), 41))
        self.assertEqual((former.exists(), self.source.read_bytes()), (False, VALUE))

    def test_refused(self) -> None:
        """Of a container that the Engine refuses no file stays, which a corrected definition would leave there."""
        odd = {"LogConfig": {"Type": "json-file", "Config": {"nowhere": "1"}}}
        wanted = self.defined(Container=odd)
        for _ in range(2):
            self.fails(CreateContainer(FIRST, wanted, (), 40), EngineRefused)
            self.assertEqual([path for path in self.memory.rglob("*") if path.is_file()], [])

    def test_unanswered(self) -> None:
        """Where the Engine did not answer the files stay: the container may be there."""
        self.engine.deaf_to_create = True
        self.fails(CreateContainer(FIRST, self.defined(), (), 40), EngineUnavailable)
        self.assertEqual([path.read_bytes() for path in self.memory.rglob("*") if path.is_file()], [VALUE])

    def test_unreadable_beside(self) -> None:
        """Of a container whose file cannot be read no secret stays, which another definition would leave there."""
        wanted = self.defined(Files=[{"Name": "x", "Target": "/x"}])
        self.fails(CreateContainer(FIRST, wanted, (), 40), EngineUnavailable)
        self.assertEqual([path for path in self.memory.rglob("*") if path.is_file()], [])

    def test_user_unknown(self) -> None:
        """A user that the image does not know keeps the container from starting."""
        container = self.made(Container={"User": "web"})
        self.assertIn("no user web", self.fails(StartContainer(FIRST, container.id), EngineRefused))

    def test_not_opened(self) -> None:
        """Without the key, or with a value that was moved here, nothing is created; the reason shows no value."""
        wanted = self.defined()
        for keys, bound, said in (([], "s1", "which this node does not have"), ([KEY], "s0", "cannot be opened")):
            self.secret_keys[:] = keys
            self.set_secret(bound=bound)
            reason = self.fails(CreateContainer(FIRST, wanted, (), 40), EngineRefused)
            self.assertIn(said, reason)
            self.assertNotIn("horse", reason)
        self.assertEqual(self.engine.bodies, [])

    def test_changed_meanwhile(self) -> None:
        """A value of another stamp than the mirror knows is waited for, and so is one that is gone, or etcd."""
        wanted = self.defined()
        self.set_secret(stamp="s2", bound="s2")
        step = CreateContainer(FIRST, wanted, (), 40)
        self.assertIn("has just been changed", self.fails(step, EngineUnavailable))
        self.assertIn(
            "has just been changed",
            self.fails(evolve(step, definition=definition(Secrets=[{"Name": "x"}])), EngineUnavailable),
        )
        self.store.unavailable = True
        self.assertIn("cannot be read", self.fails(step, EngineUnavailable))

    def test_no_text(self) -> None:
        """A value that no variable can have is refused without being shown."""
        for value in (b"\xff\xfe", b"a\0b"):
            self.set_secret(value)
            said = self.fails(CreateContainer(FIRST, self.defined(), (), 40), EngineRefused)
            self.assertEqual(said, "secret password is no text, which variable PASSWORD needs: use it as a file")


class FilesTests(CarryOutCase):
    """Files that are not secret, and contents whose changes are signalled."""

    def setUp(self) -> None:
        super().setUp()
        self.set_file(b"old")

    def set_file(self, content: bytes) -> None:
        record = FileRecord(1, stamp_of(content), len(content))
        self.store.commit(
            (), (Put(KEYS.file("x"), record.encode()), Put(KEYS.content("x"), FileContent(content).encode()))
        )
        self.mirror.cluster.replace(self.store.list(KEYS.mirrored))

    def made(self, *files: dict[str, Any], **members: Any) -> ContainerState:
        """A container that was created, and not started."""
        self.store.put(KEYS.service(WEB), definition(Files=list(files), **members).encode())
        self.mirror.cluster.replace(self.store.list(KEYS.mirrored))
        self.do(CreateContainer(FIRST, self.definition, (), 40))
        (container,) = self.host.containers
        return container

    def running(self, *files: dict[str, Any], **members: Any) -> ContainerState:
        made = self.made(*files, **members)
        self.do(StartContainer(FIRST, made.id))
        return made

    @property
    def definition(self) -> Definition:
        return self.mirror.cluster.services[WEB].definition

    @property
    def sources(self) -> list[Path]:
        """The files on the host that the last container has mounted."""
        return [Path(mount["Source"]) for mount in self.engine.bodies[-1]["HostConfig"]["Mounts"]]

    def test_created(self) -> None:
        """A stored file and a stated one are mounted read-only from the state directory, with their permissions."""
        self.running({"Name": "x", "Target": "/etc/x"}, {"Content": "echo\n", "Target": "/run.sh", "Mode": "0555"})
        stored, stated = self.sources
        self.assertEqual((stored.read_bytes(), stated.read_bytes()), (b"old", b"echo\n"))
        self.assertEqual([path.stat().st_mode & 0o777 for path in (stored, stated)], [0o444, 0o555])
        self.assertTrue(stored.is_relative_to(self.state.path))
        mounts = self.engine.bodies[-1]["HostConfig"]["Mounts"]
        self.assertEqual([(one["Target"], one["ReadOnly"]) for one in mounts], [("/etc/x", True), ("/run.sh", True)])

    def test_after_a_power_cut(self) -> None:
        """With its files on the disk a container is started without etcd; if they are lost they are written again."""
        container = self.running({"Name": "x", "Target": "/x"})
        self.store.unavailable = True
        self.engine.crash(container.id)
        self.do(StartContainer(FIRST, container.id))
        self.engine.crash(container.id)
        shutil.rmtree(self.sources[0].parent)
        self.assertIn("file x cannot be read", self.fails(StartContainer(FIRST, container.id), EngineUnavailable))
        self.store.unavailable = False
        self.do(StartContainer(FIRST, container.id))
        self.assertEqual(self.sources[0].read_bytes(), b"old")

    def test_unreadable(self) -> None:
        """A content that cannot be read is a fault of the service that uses it; one of another stamp is waited for."""
        self.store.put(KEYS.content("x"), b"{}")
        self.store.put(KEYS.service(WEB), definition(Files=[{"Name": "x", "Target": "/x"}]).encode())
        self.mirror.cluster.replace(self.store.list(KEYS.mirrored))
        step = CreateContainer(FIRST, self.definition, (), 40)
        self.assertIn("file x cannot be opened", self.fails(step, EngineRefused))
        self.store.put(KEYS.content("x"), FileContent(b"other").encode())
        self.assertIn("file x has just been changed", self.fails(step, EngineUnavailable))

    def test_renewed(self) -> None:
        """
        A content whose changes are signalled is put in its place, then its container gets the signal, once; others
        stay as they are.
        """
        container = self.running(
            {"Name": "x", "Target": "/x", "OnChange": "HUP"}, {"Content": "c", "Target": "/c"}, StopTimeout=1
        )
        step = RenewFiles(FIRST, container.id)
        self.do(step)
        self.assertEqual((self.engine.signals, self.delivery.renewed), ([], {container.mark: (stamp_of(b"old"),)}))
        inode = self.sources[0].stat().st_ino
        self.set_file(b"new content")
        self.do(step)
        self.assertEqual(self.engine.signals, [(container.id, "SIGHUP")])
        self.assertEqual((self.sources[0].read_bytes(), self.sources[0].stat().st_ino), (b"new content", inode))
        self.assertEqual(self.delivery.renewed[container.mark], renewable(self.definition))
        self.do(step)
        self.delivery.renewed.clear()  # as a new agent, which finds in the mark that all is done
        self.do(step)
        self.assertEqual(len(self.engine.signals), 1)

    def test_signal_lost(self) -> None:
        """If the signal cannot be sent the step is repeated, and sends it again."""
        container = self.running({"Name": "x", "Target": "/x", "OnChange": "HUP"})
        self.set_file(b"new")
        self.engine.unavailable = True
        self.assertEqual(
            self.outcome(RenewFiles(FIRST, container.id)),
            Retry("the Docker Engine did not answer: the test took it away", once=True),
        )
        self.assertEqual(self.delivery.renewed, {})
        self.engine.unavailable = False
        self.assertEqual(self.outcome(RenewFiles(FIRST, container.id)), Done())
        self.assertEqual(self.engine.signals, [(container.id, "SIGHUP")])

    def test_changed_while_it_was_down(self) -> None:
        """A content that changed while a container did not run is in place when it starts, if etcd answers."""
        container = self.running({"Name": "x", "Target": "/x", "OnChange": "HUP"})
        for answers, found in ((False, b"old"), (True, b"new")):
            self.engine.crash(container.id)
            self.host.on_connected()
            self.set_file(b"new")
            self.store.unavailable = not answers
            self.do(StartContainer(FIRST, container.id))
            self.store.unavailable = False
            self.assertEqual(self.sources[0].read_bytes(), found)
        self.do(RenewFiles(FIRST, container.id))
        self.assertEqual(self.engine.signals, [])

    def test_changed_before_the_first_start(self) -> None:
        """So is one that changed after the container was created, also if another agent starts it."""
        for is_same_agent in (True, False):
            self.set_file(b"old")
            container = self.made({"Name": "x", "Target": "/x", "OnChange": "HUP"})
            self.set_file(b"new")
            if not is_same_agent:
                self.delivery.files._begun.clear()
            self.do(StartContainer(FIRST, container.id))
            self.do(RenewFiles(FIRST, container.id))
            self.assertEqual((self.sources[0].read_bytes(), self.engine.signals), (b"new", []), is_same_agent)
            self.engine.crash(container.id)
            self.host.on_connected()
            self.begin(RemoveContainer(FIRST, container.id, "again"))
            self.stops.end("remove")

    def test_secret_renewed(self) -> None:
        """A secret can be put in its place too, in memory."""
        self.secret_keys.append(KEY)
        for stamp, value in (("s1", b"one"), ("s2", b"two")):
            sealed = SealedValue(KEY.public.id, stamp, seal(KEY.public, value, bound_to("s", stamp)))
            record = SecretRecord(1, stamp, len(value), KEY.public.id)
            self.store.commit(
                (), (Put(KEYS.secret("s"), record.encode()), Put(KEYS.sealed_secret("s"), sealed.encode()))
            )
            self.mirror.cluster.replace(self.store.list(KEYS.mirrored))
            if stamp == "s1":
                container = self.running(Secrets=[{"Name": "s", "OnChange": "HUP"}])
            self.do(RenewFiles(FIRST, container.id))
            self.assertEqual(self.sources[0].read_bytes(), value)
        self.assertTrue(self.sources[0].is_relative_to(self.memory))
        self.assertEqual(self.engine.signals, [(container.id, "SIGHUP")])

    def test_forgotten(self) -> None:
        """Files and memory go with the container."""
        container = self.running({"Name": "x", "Target": "/x", "OnChange": "HUP"})
        self.do(RenewFiles(FIRST, container.id))
        source = self.sources[0]
        self.begin(RemoveContainer(FIRST, container.id, "deleted"))
        self.stops.end("remove")
        self.assertEqual((source.exists(), self.delivery.renewed), (False, {}))
        self.do(RenewFiles(FIRST, container.id))
        self.assertEqual(self.engine.signals, [])
