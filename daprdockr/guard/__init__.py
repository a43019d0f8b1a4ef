"""
The guard: a small process that kills containers before their node's lease can have ended.

It stands beside agent and Engine and needs neither: it reads one file, looks into ``/proc``, and sends signals. It
imports nothing but the standard library and this room, so that it is small, starts fast and breaks with nobody.
What it promises, and what it cannot, is in ``docs/design/partition.rst``.
"""
