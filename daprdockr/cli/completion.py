"""
Completion of command lines in a shell, made from the declarations of commands and flags.

The scripts know words and flags, and are read once, when a shell starts. Names of services, nodes and others they get
from ``daprdockrcmd names`` when one is asked for, and do without after a second: no key may hang a shell.
"""

from __future__ import annotations

from daprdockr.cli.completion_bash import bash_script
from daprdockr.cli.completion_fish import fish_script
from daprdockr.cli.completion_zsh import zsh_script

SHELLS = ("bash", "zsh", "fish")


def script(shell: str) -> str:
    """
    Return the completion script of a shell.

    :param shell: one of ``SHELLS``.
    """
    return {"bash": bash_script, "zsh": zsh_script, "fish": fish_script}[shell]()
