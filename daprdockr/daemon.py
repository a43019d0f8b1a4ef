# -*- test-case-name: tests.unit.arguments.test_goflags -*-
"""
``daprdockrd``: the agent in the foreground, equivalent to ``twistd -n --pidfile= daprdockr``, with Go's flags as well.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from twisted.scripts import twistd

from daprdockr.arguments import goflags
from daprdockr.arguments.agent_parameters import FLAGS, PARAMETERS
from daprdockr.arguments.options import Options
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

_LAST = {"help": "help", "h": "help", "version": "version"}
"""Flags that only print something, and the options that do it."""


def twistd_words(words: Sequence[str]) -> list[str]:
    """Return the command line of ``twistd`` for one of ours. :raises BadInput: one line that names the flag."""
    given = goflags.split(words, valued=[row.name for row in PARAMETERS], boolean=[*FLAGS, *_LAST])
    if given.others:
        raise BadInput(f"{shorten(given.others[0])} is not a flag: flags start with a dash")
    switched = {name: value for name, value in given.flags if value is True or value is False}
    switches = [f"--{_LAST.get(name, name)}" for name, on in switched.items() if on]
    valued = [f"--{name}={value}" for name, value in given.flags if name not in switched]
    return ["-n", "--pidfile=", "daprdockr", *valued, *switches]


def run() -> None:
    """The console script."""
    try:
        words = twistd_words(sys.argv[1:])
    except BadInput as error:
        print(f"daprdockrd: {error}", file=sys.stderr)
        sys.exit(2)
    if "--help" in words:
        Options().opt_help()
    sys.argv[1:] = words
    twistd.run()
