"""Secrets that are delivered to containers by the steps that create, start and remove them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from attrs import evolve

from daprdockr.model.errors import EngineRefused, EngineUnavailable
from daprdockr.model.host import ContainerState
from daprdockr.model.stored.entries import Put
from daprdockr.model.stored.sealed import SealedValue, SecretRecord, bound_to
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.steps import CreateContainer, RemoveContainer, StartContainer
from daprdockr.sealing.boxes import PrivateKey, seal
from tests.build.carry_out import FIRST, CarryOutCase
from tests.build.values import KEYS, WEB, definition

KEY = PrivateKey.generate()
VALUE = b"correct horse"
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
        self.assertFalse(self.delivery.files.is_complete(container.name))
        self.do(StartContainer(FIRST, container.id))
        self.assertTrue(self.delivery.files.is_complete(container.name))
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
