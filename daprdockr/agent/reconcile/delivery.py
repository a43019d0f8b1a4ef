# -*- test-case-name: tests.unit.agent.reconcile.test_delivery -*-
"""
The delivery of secrets to a container: read from etcd when they are needed, opened, and handed over as files or as
variables. No value is kept, logged, or part of an error.

See Note [Files in memory] in ``secret_files``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from attrs import frozen

from daprdockr.agent.reconcile.secret_files import SecretFiles
from daprdockr.model.errors import BadInput, EngineRefused, EngineUnavailable, EtcdError
from daprdockr.model.host import ContainerState
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.seams import Engine, Store
from daprdockr.model.stored.sealed import SealedValue, bound_to
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.secrets import SecretUse
from daprdockr.planning.keeping.handed import NOTHING, Handed
from daprdockr.runtime.pool import Run
from daprdockr.sealing.boxes import PrivateKey


@frozen
class SealedValues:
    """
    :param keys: returns the keys that this node has now.
    """

    store: Store
    run: Run
    cluster: Cluster
    keys: Callable[[], Sequence[PrivateKey]]

    async def opened(self, uses: Iterable[SecretUse]) -> list[bytes]:
        """
        Return the values.

        :raises EngineUnavailable: one cannot be read now.
        :raises EngineRefused: one cannot be opened here.
        """
        return [await self._opened(use) for use in uses]

    async def _opened(self, use: SecretUse) -> bytes:
        try:
            entry = await self.run(self.store.get, self.cluster.keys.sealed_secret(use.name))
        except EtcdError as error:
            raise EngineUnavailable(f"secret {use.name} cannot be read: {error}") from None
        try:
            value = SealedValue.decode(entry.value) if entry is not None else None
            if value is None or value.stamp != use.stamp:
                raise EngineUnavailable(f"secret {use.name} has just been changed: it is read again")
            key = next((key for key in self.keys() if key.public.id == value.key), None)
            if key is None:
                raise EngineRefused(f"secret {use.name} is sealed to key {value.key}, which this node does not have")
            return key.open(value.sealed, bound_to(use.name, use.stamp))
        except BadInput as error:
            raise EngineRefused(f"secret {use.name} cannot be opened: {error}") from None


@frozen
class Delivery:
    """
    ``values`` opens what ``files`` keeps in memory for containers of ``engine``.

    :param known: returns the names under which the containers of this host were created.
    """

    values: SealedValues
    files: SecretFiles
    engine: Engine
    known: Callable[[], Collection[str]]

    async def prepare(self, run: Run, container: str, definition: Definition) -> Handed:
        """
        Write the files for a container that is to be created under this name, and return what its body needs.

        :raises EngineError: as ``SealedValues.opened``, or because there is no memory for the files.
        """
        if not definition.secrets:
            return NOTHING
        files = _files(definition)
        variables = [use for use in definition.secrets if use.env]
        texts = [_text(use, value) for use, value in zip(variables, await self.values.opened(variables), strict=True)]
        paths = await self._write(run, container, files) if files else []
        return Handed(
            tuple(f"{use.env}={text}" for use, text in zip(variables, texts, strict=True)),
            tuple((str(path), use.target) for path, use in zip(paths, files, strict=True)),
        )

    async def _write(self, run: Run, container: str, files: Sequence[SecretUse]) -> list[Path]:
        contents = await self.values.opened(files)
        await run(self.files.keep_only, self.known())
        return await run(self.files.write, container, contents)

    async def before_start(self, run: Run, container: ContainerState) -> None:
        """
        Give the files to the user of a container that was created from the definition in force, and write them again if
        they are gone.

        :raises EngineError: as ``prepare``, or because its user is not known.
        """
        service = self.values.cluster.services.get(container.instance.service)
        files = _files(service.definition) if service and service.definition.digest == container.definition else []
        if not files or await run(self.files.is_complete, container.mark):
            return
        user = await run(self.engine.user_id, container.id)
        if not await run(self.files.are_there, container.mark, len(files)):
            await self._write(run, container.mark, files)
        await run(self.files.give, container.mark, user)


def _files(definition: Definition) -> list[SecretUse]:
    return [use for use in definition.secrets if use.target]


def _text(use: SecretUse, value: bytes) -> str:
    """:raises EngineRefused: no variable can have this value."""
    text = value.decode("utf-8", "surrogateescape")
    if "\0" in text or any("\udc80" <= character <= "\udcff" for character in text):
        raise EngineRefused(f"secret {use.name} is no text, which variable {use.env} needs: use it as a file")
    return text
