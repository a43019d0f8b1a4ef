"""
Bounded reading of the Docker Engine's answers: an answer as a whole, and a stream of JSON documents, one per line.

docker-py's own code is not used: it reads answers of any size, and tries to decode a document again with each piece of
it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from docker.errors import StreamParseError
from requests import RequestException, Response, Timeout

MAX_ANSWER = 32 * 1024 * 1024
"""The largest answer in bytes. A list has 2 kB for each container or image."""

MAX_LINE = 4 * 1024 * 1024
"""
The longest line in bytes: an event, which has all labels of its container, or a line about the progress of a pull.
"""

_CHUNK = 4096


def read_whole(response: Response, deadline: float, clock: Callable[[], float]) -> None:
    """
    Read the body of an answer that was requested as a stream, so that it looks like any other answer.

    :raises RequestException: it is too long, or has not ended at the deadline.
    """
    parts, size = [], 0
    for part in response.iter_content(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER:
            response.close()
            raise RequestException(f"its answer has more than {MAX_ANSWER} bytes")
        if clock() > deadline:
            response.close()
            raise Timeout("its answer came too slowly")
    response._content = b"".join(parts)


def documents(chunks: Iterable[bytes | str]) -> Iterator[Any]:
    """Yield the documents. :raises StreamParseError: a line is not JSON, or is too long."""
    rest = bytearray()
    for chunk in chunks:
        rest += chunk.encode() if isinstance(chunk, str) else chunk
        *lines, rest = rest.split(b"\n") if b"\n" in rest else [rest]
        yield from map(_document, filter(bytes.strip, map(bytes, lines)))
        if len(rest) > MAX_LINE:
            raise StreamParseError(f"a line has more than {MAX_LINE} bytes")
    if rest.strip():
        yield _document(bytes(rest))


def _document(line: bytes) -> Any:
    if len(line) > MAX_LINE:
        raise StreamParseError(f"a line has more than {MAX_LINE} bytes")
    try:
        return json.loads(line)
    except ValueError as error:
        raise StreamParseError(str(error)) from error
