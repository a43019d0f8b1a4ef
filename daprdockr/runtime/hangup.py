"""
The hangup of a terminal: it ends the process as SIGTERM does, in good order.

SIGHUP alone would end it at once, in the midst of what it writes, and an agent with ``--ephemeral`` would leave its
containers. Nothing has to be read anew at a SIGHUP, as in other daemons: what may change is followed.
"""

from __future__ import annotations

import signal
from typing import Any


def end_at_hangup(reactor: Any) -> None:
    """Have the reactor end at SIGHUP, unless that is ignored, as below nohup(1)."""
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        signal.signal(signal.SIGHUP, reactor.sigTerm)
