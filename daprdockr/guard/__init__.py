"""
The guard: a small process that kills containers before their node's lease can have ended.

It runs beside agent and Engine and needs neither: it reads its orders, reads ``/proc``, and sends signals. It imports
nothing but the standard library and this room, so that it is small, starts fast and depends on nothing that may break.
Its promises and their limits are in ``docs/design/partition.rst``.
"""
