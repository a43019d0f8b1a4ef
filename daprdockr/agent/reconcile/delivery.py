# -*- test-case-name: tests.unit.agent.reconcile.test_delivery -*-
"""
The delivery of secrets and files to a container: read from etcd when they are needed, and handed over as files or as
variables. No value is kept, logged, or part of an error.

See Note [Files on the host] in ``mounted_files``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from attrs import field, frozen

from daprdockr.agent.reconcile.mounted_files import FileToMount, MountedFiles
from daprdockr.model.errors import BadInput, EngineError, EngineRefused, EngineUnavailable, EtcdError
from daprdockr.model.host import ContainerState
from daprdockr.model.known.view import ClusterView
from daprdockr.model.seams import Engine, Store
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.files import FileContent
from daprdockr.model.stored.sealed import SealedValue, bound_to
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.files import FileUse, stamp_of
from daprdockr.model.wanted.secrets import SecretUse
from daprdockr.model.wanted.uses import HUP
from daprdockr.planning.keeping.delivered import renewable
from daprdockr.planning.keeping.handed import NOTHING, Handed
from daprdockr.runtime.pool import Run
from daprdockr.sealing.boxes import PrivateKey

SECRET_MODE = 0o400

Use = SecretUse | FileUse


@frozen
class StoredValues:
    """
    The values of secrets and files.

    :param keys: returns the keys that this node has now.
    """

    store: Store
    run: Run
    cluster: ClusterView
    keys: Callable[[], Sequence[PrivateKey]]

    async def read(self, uses: Iterable[Use]) -> list[bytes]:
        """
        Return the values.

        :raises EngineUnavailable: one cannot be read now.
        :raises EngineRefused: one cannot be opened here.
        """
        return [await self._read(use) for use in uses]

    async def _read(self, use: Use) -> bytes:
        if isinstance(use, FileUse) and use.content is not None:
            return use.content.encode()
        what, keys = f"{'secret' if isinstance(use, SecretUse) else 'file'} {use.name}", self.cluster.keys
        key = keys.sealed_secret(use.name) if isinstance(use, SecretUse) else keys.content(use.name)
        try:
            entry = await self.run(self.store.get, key)
        except EtcdError as error:
            raise EngineUnavailable(f"{what} cannot be read: {error}") from None
        try:
            value = None if entry is None else self._of(use, entry)
        except BadInput as error:
            raise EngineRefused(f"{what} cannot be opened: {error}") from None
        if value is None:
            raise EngineUnavailable(f"{what} has just been changed: it is read again")
        return value

    def _of(self, use: Use, entry: Entry) -> bytes | None:
        """Return the value, None if it has another stamp. :raises BadInput, EngineRefused: it cannot be opened."""
        if isinstance(use, FileUse):
            content = FileContent.decode(entry.value).content
            return content if stamp_of(content) == use.stamp else None
        value = SealedValue.decode(entry.value)
        if value.stamp != use.stamp:
            return None
        key = next((key for key in self.keys() if key.public.id == value.key), None)
        if key is None:
            raise EngineRefused(f"secret {use.name} is sealed to key {value.key}, which this node does not have")
        return key.open(value.sealed, bound_to(use.name, use.stamp))


@frozen
class Delivery:
    """
    ``values`` reads what ``secrets`` keeps in memory, and ``files`` on the disk, for containers of ``engine``.

    :param known: returns the names under which the containers of this host were created.
    """

    values: StoredValues
    secrets: MountedFiles
    files: MountedFiles
    engine: Engine
    known: Callable[[], Collection[str]]
    renewed: dict[str, tuple[str, ...]] = field(factory=dict)
    """By the same names: the stamps, as ``renewable`` lists them, of the contents of which the containers know."""
    _seen: set[str] = field(factory=set)
    """The names of containers that were there: the files of one that is gone, and was not removed by us, go too."""

    async def prepare(self, run: Run, container: str, definition: Definition) -> Handed:
        """
        Write the files for a container that is to be created under this name, and return what its body needs.

        :raises EngineError: as ``StoredValues.read``, or because there is no room for the files; none is left then.
        """
        self.renewed.pop(container, None)
        self._seen.discard(container)
        if not (definition.secrets or definition.files):
            return NOTHING
        variables = [use for use in definition.secrets if use.env]
        texts = [_text(use, value) for use, value in zip(variables, await self.values.read(variables), strict=True)]
        mounts: list[tuple[str, str]] = []
        try:
            for at, uses in self._parts(definition):
                mounts += await self._write(run, at, container, uses)
        except EngineError:
            await run(self.remove, container)
            raise
        return Handed(tuple(f"{use.env}={text}" for use, text in zip(variables, texts, strict=True)), tuple(mounts))

    async def before_start(self, run: Run, container: ContainerState) -> None:
        """
        Give the files to the user of a container that was created from the definition in force, and write them again if
        they are gone.

        :raises EngineError: as ``prepare``, or because its user is not known.
        """
        self._seen.add(container.mark)
        definition = self._in_force(container)
        for at, uses in self._parts(definition) if definition is not None else ():
            if not await run(at.is_complete, container.mark):
                user = await run(self.engine.user_id, container.id)
                if not await run(at.are_there, container.mark, len(uses)):
                    await self._write(run, at, container.mark, uses)
                await run(at.give, container.mark, user)
            await self._catch_up(run, at, container, uses)

    async def renew(self, run: Run, container: ContainerState) -> None:
        """
        Put contents that changed into the mounted files of a running container, and signal that to its main process:
        Note [In its place] in ``mounted_files``.

        :raises EngineError: as ``prepare``; or the signal could not be sent.
        """
        definition = self._in_force(container)
        if definition is None:
            return
        changed = [
            (at, uses) for at, uses in self._parts(definition) if await self._rewrite(run, at, container.mark, uses)
        ]
        if changed:
            await run(self.engine.signal, container.id, "SIGHUP")
        for at, uses in changed:
            await run(at.mark, container.mark, [use.stamp for use in uses])
        for gone in self.renewed.keys() - self.known():
            del self.renewed[gone]
        self.renewed[container.mark] = renewable(definition)

    def remove(self, container: str) -> None:
        """Remove the files of a container. Blocking."""
        self.renewed.pop(container, None)
        self._seen.discard(container)
        for at in (self.secrets, self.files):
            at.remove(container)

    def _parts(self, definition: Definition) -> Iterator[tuple[MountedFiles, Sequence[Use]]]:
        """Yield what a definition mounts, by the place of the files."""
        if secrets := [use for use in definition.secrets if use.target]:
            yield self.secrets, secrets
        if definition.files:
            yield self.files, definition.files

    def _in_force(self, container: ContainerState) -> Definition | None:
        service = self.values.cluster.services.get(container.instance.service)
        return service.definition if service and service.definition.digest == container.definition else None

    async def _write(self, run: Run, at: MountedFiles, container: str, uses: Sequence[Use]) -> list[tuple[str, str]]:
        """Write the files of a container; return the mounts."""
        contents = await self.values.read(uses)
        modes = [use.mode if isinstance(use, FileUse) else SECRET_MODE for use in uses]
        await self._tidy(run, at)
        stamps = [use.stamp for use in uses]
        given = [FileToMount(*one) for one in zip(contents, modes, stamps, strict=True)]
        paths = await run(at.write, container, given)
        return [(str(path), use.target) for path, use in zip(paths, uses, strict=True)]

    async def _tidy(self, run: Run, at: MountedFiles) -> None:
        """Remove the files of containers that are gone."""
        known = frozenset(self.known())
        gone = self._seen - known
        self._seen.difference_update(gone)
        for name in gone:
            await run(self.remove, name)
        await run(at.keep_only, known)

    async def _catch_up(self, run: Run, at: MountedFiles, container: ContainerState, uses: Sequence[Use]) -> None:
        """Put contents that changed while a container did not run in their place; without etcd it runs on the old."""
        try:
            if await self._rewrite(run, at, container.mark, uses):
                await run(at.mark, container.mark, [use.stamp for use in uses])
        except EngineError:
            pass  # it is renewed when it runs

    async def _rewrite(self, run: Run, at: MountedFiles, container: str, uses: Sequence[Use]) -> bool:
        """Write the files that changed, of those whose changes are signalled; return whether there are any."""
        before = await run(at.stamps, container)
        stale = {
            number: use
            for number, use in enumerate(uses)
            if use.on_change == HUP and use.stamp and before[number : number + 1] != (use.stamp,)
        }
        if stale:
            contents = await self.values.read(stale.values())
            await run(at.rewrite, container, dict(zip(stale, contents, strict=True)))
        return bool(stale)


def _text(use: SecretUse, value: bytes) -> str:
    """:raises EngineRefused: no variable can have this value."""
    text = value.decode("utf-8", "surrogateescape")
    if "\0" in text or any("\udc80" <= character <= "\udcff" for character in text):
        raise EngineRefused(f"secret {use.name} is no text, which variable {use.env} needs: use it as a file")
    return text
