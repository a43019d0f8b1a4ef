"""
The failures between us and the Docker Engine, classed once.

Knows the exceptions of docker-py, requests and urllib3, and turns each into one of ``daprdockr.model.errors``. Does not
know what was requested.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from docker.errors import APIError, DockerException, ImageNotFound, NotFound, StreamParseError
from requests import RequestException, Timeout
from urllib3.exceptions import HTTPError, ReadTimeoutError

from daprdockr.engine.answers import ENDING
from daprdockr.model.errors import (
    ContainerAbsent,
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineSilent,
    EngineUnavailable,
    ImageAbsent,
    ImageRefused,
    NameTaken,
    PortTaken,
    PullFailed,
)
from daprdockr.model.names import one_line, shorten

FOREIGN = (DockerException, StreamParseError, RequestException, HTTPError, OSError)
"""All exceptions that docker-py lets through: its own, those of requests, and, while it streams, those below."""

# "Bind for 0.0.0.0:80 failed: port is already allocated", "listen tcp4 0.0.0.0:80: bind: address already in use",
# and since Engine 27 "failed to bind host port 0.0.0.0:80/tcp: address already in use". "Bind for" has IPv6 without
# brackets.
_PORT_TAKEN = re.compile(
    r"(?:Bind for|listen \w+|host port(?: for)?) (?:\[[0-9a-f:.]*\]|\d+(?:\.\d+){3}|[0-9a-f:]*):(\d+).*"
    r"(?:address already in use|port is already allocated)"
)

# "manifest for web:9 not found: manifest unknown", "pull access denied for web, repository does not exist or may
# require 'docker login'", "no matching manifest for linux/arm64". One that limits its clients' rate refuses nothing.
_REFUSED = re.compile(
    r"manifest unknown|no matching manifest|name unknown|not known to registry|: not found|repository .*not found|"
    r"does not exist|denied|unauthorized|authentication required|no basic auth credentials|invalid reference format",
    re.IGNORECASE,
)

# docker-py has only Python's text for these.
_UNREACHED = {
    "No such file or directory": "there is no such socket: start Docker, or correct its address",
    "Connection refused": "nothing listens there: start Docker, or correct its address",
    "Permission denied": "this user may not use its socket: run the agent as root",
}

# "read udp 10.0.0.3:56607->10.0.0.53:53: i/o timeout": our side has another port at each attempt, and the same failure
# would be a new event each time.
_OWN_END = re.compile(r"\b(?:read|write) (?:udp|tcp)[46]? \S+->\S+: ")

_NAME_TAKEN = re.compile(r"container name .* is already in use")


@contextmanager
def asking(doing: str) -> Iterator[None]:
    """
    Class the exceptions raised inside.

    :param doing: the request to the Engine, as a phrase that continues "the Docker Engine refused to".
    :raises EngineUnavailable, EngineRefused, ContainerAbsent, ImageAbsent: their docstrings say when.
    """
    try:
        yield
    except FOREIGN as error:
        raise classed(error, doing) from error


def classed(error: BaseException, doing: str) -> EngineError:
    """Return our error for ``error``."""
    if not isinstance(error, APIError):
        kind = EngineSilent if isinstance(error, Timeout | ReadTimeoutError) else EngineUnavailable
        text = next((words for text, words in _UNREACHED.items() if text in str(error)), one_line(str(error)))
        return kind(f"the Docker Engine did not answer when asked to {doing}: {text}")
    text = one_line(str(error.explanation or error))
    if isinstance(error, ImageNotFound):
        return ImageAbsent(f"{text}: pull or build it on this host")
    # Status 404 also says that a network or the program inside the image is missing.
    if isinstance(error, NotFound) and "no such container" in text.lower():
        return ContainerAbsent(text)
    return refusal(text, error.response.status_code if error.response is not None else 0, doing)


def refusal(text: str, status: int, doing: str) -> EngineError:
    """Return our error for an answer with this status and text, which is about no container and no image."""
    if status == 503 or ENDING.search(text):
        return EngineUnavailable(f"the Docker Engine was not ready to {doing}: {text}")
    if _NAME_TAKEN.search(text):
        return NameTaken(f"the Docker Engine refused to {doing}: {text}")
    taken = _PORT_TAKEN.search(text)
    if taken:
        return PortTaken(f"port {taken[1]} of this host is taken: publish another one ({text})", int(taken[1]))
    refused = EngineFailed if status >= 500 else EngineRefused
    return refused(f"the Docker Engine refused to {doing}: {text}")


def pull_failure(error: BaseException, reference: str) -> EngineError:
    """
    Return an error as ``classed`` does, for a pull: faults of the registry, the name or the credentials are PullFailed,
    and ImageRefused if the registry answered that it has no such image, or does not give it with these credentials.
    """
    if isinstance(error, APIError):
        text = str(error.explanation or error)
    elif isinstance(error, Timeout | ReadTimeoutError):
        text = "the registry fell silent"
    elif isinstance(error, DockerException):
        text = str(error)
    else:
        return classed(error, f"pull {shorten(reference)}")
    return not_pulled(reference, text)


def complaint_in(progress: Any) -> str:
    """
    Return why a pull or a load failed, from a line about its progress; "" if it did not. Engines since API 1.48 may
    leave out ``error``, which old ones write beside ``errorDetail``.
    """
    if not isinstance(progress, dict):
        return ""
    detail = progress.get("errorDetail")
    return str((detail.get("message") if isinstance(detail, dict) else "") or progress.get("error") or "")


def not_pulled(reference: str, text: str) -> PullFailed:
    """Return the error for a pull that ended with this text of the Engine, which passes on the registry's answer."""
    failed = ImageRefused if _REFUSED.search(text) else PullFailed
    text = _OWN_END.sub("", text)
    return failed(f"{shorten(reference)} could not be pulled: {one_line(text)}")
