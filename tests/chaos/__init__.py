"""
Faults of many kinds, drawn by a seed, on a cluster under load; and a checker that knows nothing of how it is made.

    python -m tests.chaos --seed 7 --faults 10

Everything that is asked, done and seen goes into one file, see ``history``; ``checker`` reads nothing else.
"""
