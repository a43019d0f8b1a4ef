# -*- test-case-name: tests.unit.engine.test_credentials -*-
"""
The credentials for registries in Docker's own configuration file.

Note [Damaged credentials]
    docker-py reads that file whenever it makes a client, whatever the client is for, and raises what its parser happens
    to raise: one entry without a password would make the Engine unknown to the agent. So clients are made without
    credentials (``engine.clients``), and the file is read for each pull, which then fails if it cannot be used. As for
    Docker's own command line, an entry with an empty ``auth`` has no credentials.
"""

from __future__ import annotations

import subprocess
from typing import Any

from docker import auth
from docker.credentials.errors import StoreError, process_store_error
from docker.credentials.store import Store
from docker.errors import DockerException
from docker.utils import config, parse_repository_tag

from daprdockr.model.errors import PullFailed
from daprdockr.model.names import one_line, shorten

PATIENCE = 60.0
"""Seconds in which a program for credentials has to answer: it may wait for a service, or for a person."""


class _BoundedStore(Store):
    """A program for credentials. docker-py sets no time limit for it."""

    def get(self, server: str | bytes) -> Any:
        """Return what docker-py expects, or what is wrong with the program: the file that names it is in order."""
        try:
            return super().get(server)
        except (KeyError, TypeError, ValueError):
            raise StoreError(f"{self.program} gave no credentials that can be read") from None

    def _execute(self, subcmd: str, data_input: bytes | None) -> bytes:
        if self.exe is None:
            raise StoreError(f"{self.program} is not installed")
        try:
            return subprocess.run(
                [self.exe, subcmd], input=data_input, stdout=subprocess.PIPE, timeout=PATIENCE, check=True
            ).stdout
        except subprocess.TimeoutExpired:
            raise StoreError(f"{self.program} did not answer within {PATIENCE:g} s") from None
        except subprocess.CalledProcessError as error:
            raise process_store_error(error, self.program) from None
        except OSError as error:
            raise StoreError(f"{self.program} cannot be run: {error.strerror}") from None


def credentials(reference: str) -> dict[str, Any] | None:
    """
    Return what the registry of an image is shown; None for nothing.

    :raises PullFailed: the file, or the program that it names, cannot be used.
    """
    try:
        registry, _ = auth.resolve_repository_name(parse_repository_tag(reference)[0])
        found = config.load_general_config()
        for entry in (found.get("auths") or {}).values():
            if not entry.get("auth", True):
                del entry["auth"]
        return _shown(auth.load_config(config_dict=found), registry)
    except DockerException as error:
        raise PullFailed(f"{shorten(reference)} could not be pulled: {one_line(str(error))}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        text = "the credentials in Docker's config.json cannot be read: correct or remove it"
        raise PullFailed(f"{shorten(reference)} could not be pulled: {text}") from error


def _shown(configured: auth.AuthConfig, registry: str) -> dict[str, Any] | None:
    program = configured.get_credential_store(registry)
    if program:
        configured._stores[program] = _BoundedStore(program)  # type: ignore[attr-defined]  # missing in its stubs
    shown: dict[str, Any] | None = configured.resolve_authconfig(registry)
    return shown or None
