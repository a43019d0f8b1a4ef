"""
How a guard shows that it is on guard: by the name under which the kernel lists it (``comm`` in proc(5)).

A process takes that name after its first pass, and the name goes with the process. So there is no file that a dead
guard could leave behind, and nothing that a hung disk could hold up.
"""

from __future__ import annotations

from pathlib import Path

NAME = "daprd-guard"
"""At most 15 bytes; also what ``ps`` and ``top`` show."""


def announce(root: Path = Path("/proc")) -> None:
    """Take the name; to be called by the first thread of the process."""
    (root / "self" / "comm").write_text(NAME, "ascii")


def is_on_guard(pid: int, root: Path = Path("/proc")) -> bool:
    """Return whether this process has taken the name, and is neither dead nor stopped by a signal or a debugger."""
    try:
        text = (root / str(pid) / "stat").read_text("ascii", "replace")
    except OSError:
        return False
    name, _, rest = text.partition("(")[2].rpartition(")")
    return name == NAME and rest.split()[0] not in "ZXTt"
