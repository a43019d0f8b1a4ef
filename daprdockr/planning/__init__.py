"""
Decisions: pure functions from values (time too) to steps that can be printed, compared and tested.

Nothing here does input or output, reads a clock, or imports Twisted, docker or etcd3.
"""
