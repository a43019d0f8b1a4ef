"""
The log of the agent: one line for each event, as text or as JSON, without Twisted's remarks on its own start and end.

Knows the words of ``twistd`` that say where a log goes, and no others.
"""

from __future__ import annotations

import io
import json
import math
import signal
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from twisted.internet.error import ReactorNotRunning
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

from daprdockr.model.errors import BadInput

OURS = "daprdockr"
LONGEST_FIELD = 2000
"""Characters of a field in JSON; a traceback may have ten times as many."""


def is_news(event: LogEvent) -> PredicateResult:
    """
    Leave out what Twisted says of itself, unless it is a warning: that it starts, listens, and ends; and that it ends
    already, which it says with a traceback to a second Ctrl-C.
    """
    level = event.get("log_level") or LogLevel.info
    ours = str(event.get("log_namespace", "")).split(".")[0] == OURS
    loud = (level >= LogLevel.warn or bool(event.get("isError"))) and not _ends_already(event)
    found: PredicateResult = PredicateResult.maybe if ours or loud else PredicateResult.no
    return found


def _ends_already(event: LogEvent) -> bool:
    failure = event.get("log_failure")
    return failure is not None and failure.check(ReactorNotRunning) is not None


def as_text(event: LogEvent) -> str | None:
    """Return the line of Twisted's own form, and a traceback below it."""
    line = formatEventAsClassicLogText(event)
    return None if line is None else _writable(line)


def as_json(event: LogEvent) -> str | None:
    """Return one line: an object of time, level, part, the sentence, and the fields of the event by name."""
    failure = event.get("log_failure")
    line = {
        "time": datetime.fromtimestamp(event["log_time"], UTC).isoformat(timespec="milliseconds"),
        "level": getattr(event.get("log_level"), "name", "info"),
        "part": event.get("log_namespace", ""),
        "text": _writable(formatEvent(event)),
        **{name: _field(value) for name, value in event.items() if _is_field(name)},
    }
    if failure is not None:
        line["traceback"] = _writable(failure.getTraceback()[: 10 * LONGEST_FIELD])
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"


_TAKEN = {"time", "level", "part", "text", "traceback", "isError", "message", "system", "format", "failure", "why"}


def _is_field(name: str) -> bool:
    return not name.startswith("log_") and name not in _TAKEN


def _field(value: object) -> object:
    """Return what JSON has for a value: it has no number for what is infinite, or is none."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return _writable(str(value)[:LONGEST_FIELD])


def _writable(text: str) -> str:
    """Escape half characters, as of a path that is no UTF-8: Twisted drops a line that cannot be encoded."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


_FORMS: Mapping[str, Callable[[LogEvent], str | None]] = {"text": as_text, "json": as_json}


def written(file: TextIO, form: str) -> ILogObserver:
    """Return what writes the news to a file, in the form ``text`` or ``json``."""
    news: Any = is_news
    observer: ILogObserver = FilteringLogObserver(FileLogObserver(file, _FORMS[form]), [news])
    return observer


def observer(form: str, twistd: Mapping[str, Any], reactor: Any, stdout: TextIO) -> ILogObserver | None:
    """
    Return what writes the log, as ``written`` does, to where twistd would; None where twistd has to write it, or to
    refuse that, itself.

    :param twistd: the options of twistd.
    :raises BadInput: its file cannot be opened.
    """
    path, foreground = twistd.get("logfile"), bool(twistd.get("nodaemon"))
    if twistd.get("syslog") or (path == "-" and not foreground):
        return None
    to_stdout = foreground and path in (None, "", "-")
    return written(_any_text(stdout, form) if to_stdout else _rotated(path or "twistd.log", reactor), form)


def _any_text(stdout: TextIO, form: str) -> TextIO:
    """Have stdout take each character, whatever the locale: JSON is UTF-8, and in text the missing ones are escaped."""
    if isinstance(stdout, io.TextIOWrapper):
        stdout.reconfigure(encoding="utf-8" if form == "json" else None, errors="backslashreplace")
    return stdout


def _rotated(path: str, reactor: Any) -> TextIO:
    """
    Return a file that is rotated when it is long, and by SIGUSR1.

    :raises BadInput: it cannot be opened.
    """
    try:
        file: Any = LogFile.fromFullPath(path)
    except OSError as error:
        raise BadInput(f"--logfile {path} cannot be written: {error.strerror}") from None
    if not signal.getsignal(signal.SIGUSR1):
        signal.signal(signal.SIGUSR1, lambda number, frame: reactor.callFromThread(file.rotate))
    return file  # type: ignore[no-any-return]
