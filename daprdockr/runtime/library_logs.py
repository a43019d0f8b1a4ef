"""
Forwards the standard library's ``logging`` (of docker, urllib3, and our own modules that the command line shares, where
importing twisted.logger would cost a tenth of each call) to Twisted's log.
"""

from __future__ import annotations

import logging

from twisted.logger import Logger, LogLevel

from daprdockr.model.names import printable

_LEVELS = {
    logging.WARNING: LogLevel.warn,
    logging.ERROR: LogLevel.error,
    logging.CRITICAL: LogLevel.critical,
}


class ToTwisted(logging.Handler):
    """Forwards each record under its own name; warnings and worse only."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        level = _LEVELS.get(record.levelno, LogLevel.warn)
        Logger(namespace=record.name).emit(level, "{text}", text=printable(record.getMessage()))


def join_logs() -> None:
    """Take over the root of the standard library's loggers; more than one call does no harm."""
    root = logging.getLogger()
    if not any(isinstance(handler, ToTwisted) for handler in root.handlers):
        root.addHandler(ToTwisted())
