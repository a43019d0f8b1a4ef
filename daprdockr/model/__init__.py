"""
Values: what the words of daprdockr mean, and how they are read and written.

Nothing here does input or output, reads a clock, or imports Twisted, docker or etcd3.
"""
