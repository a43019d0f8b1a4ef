# -*- test-case-name: tests.unit.cli.commands.test_join -*-
"""The mark of the machine on which this process runs, as the records of nodes have it."""

from __future__ import annotations

import hashlib

from daprdockr.guard.clock import boot_id


def this_machine() -> str:
    """
    Return a text that differs on each running machine, clones included. Hashed, because the id itself is confidential.
    """
    return hashlib.blake2s(boot_id().encode(), digest_size=8, person=b"daprdock").hexdigest()
