"""
Random values in the place of all that an agent reads and somebody else may have written: keys in etcd, and files in the
state directory. ``make fuzz SEED=7 VALUES=100000`` runs it, over an agent in memory.
"""
