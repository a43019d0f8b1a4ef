"""
The log of the agent: one line for each event, as text or as JSON, without Twisted's remarks on its own start and end.

Knows the words of ``twistd`` that say where a log goes, and no others.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    PredicateResult,
    formatEvent,
    formatEventAsClassicLogText,
)
from twisted.python.logfile import LogFile

FORMATS = ("text", "json")

OURS = "daprdockr"
LONGEST_FIELD = 2000
"""Characters of a field in JSON; a traceback may have ten times as many."""


def is_news(event: LogEvent) -> PredicateResult:
    """Leave out what Twisted says of itself, unless it is a warning: that it starts, listens, and ends."""
    level = event.get("log_level") or LogLevel.info
    ours = str(event.get("log_namespace", "")).split(".")[0] == OURS
    loud = level >= LogLevel.warn or bool(event.get("isError"))
    found: PredicateResult = PredicateResult.maybe if ours or loud else PredicateResult.no
    return found


def as_text(event: LogEvent) -> str | None:
    """Return the line of Twisted's own form, and a traceback below it."""
    return formatEventAsClassicLogText(event)


def as_json(event: LogEvent) -> str | None:
    """Return one line: an object of time, level, part, the sentence, and the fields of the event by name."""
    failure = event.get("log_failure")
    line = {
        "time": datetime.fromtimestamp(event["log_time"], UTC).isoformat(timespec="milliseconds"),
        "level": getattr(event.get("log_level"), "name", "info"),
        "part": event.get("log_namespace", ""),
        "text": formatEvent(event),
        **{name: _field(value) for name, value in event.items() if _is_field(name)},
    }
    if failure is not None:
        line["traceback"] = failure.getTraceback()[: 10 * LONGEST_FIELD]
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"


_TAKEN = {"time", "level", "part", "text", "traceback", "isError", "message", "system", "format", "failure", "why"}


def _is_field(name: str) -> bool:
    return not name.startswith("log_") and name not in _TAKEN


def _field(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:LONGEST_FIELD]


_FORMS: Mapping[str, Callable[[LogEvent], str | None]] = {"text": as_text, "json": as_json}


def written(file: TextIO, form: str) -> ILogObserver:
    """Return what writes the news to a file in one of the ``FORMATS``."""
    news: Any = is_news
    observer: ILogObserver = FilteringLogObserver(FileLogObserver(file, _FORMS[form]), [news])
    return observer


def observer(form: str, twistd: Mapping[str, Any], reactor: Any, stdout: TextIO) -> ILogObserver | None:
    """
    Return what writes the log in one of the ``FORMATS`` to where twistd would; None where twistd has to write it, or to
    refuse that, itself.

    :param twistd: the options of twistd.
    """
    path, foreground = twistd.get("logfile"), bool(twistd.get("nodaemon"))
    if twistd.get("syslog") or (path == "-" and not foreground):
        return None
    return written(stdout if foreground and path in (None, "", "-") else _rotated(path or "twistd.log", reactor), form)


def _rotated(path: str, reactor: Any) -> TextIO:
    """Return a file that is rotated when it is long, and by SIGUSR1."""
    file: Any = LogFile.fromFullPath(path)
    if not signal.getsignal(signal.SIGUSR1):
        signal.signal(signal.SIGUSR1, lambda number, frame: reactor.callFromThread(file.rotate))
    return file  # type: ignore[no-any-return]
