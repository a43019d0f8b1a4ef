"""
Values: the nouns of daprdockr as types, and how they are read and written.

Nothing here does input or output, reads a clock, or imports Twisted, docker or etcd3.
"""
