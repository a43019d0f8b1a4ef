"""
Run declaratively described container services on a cluster of Docker hosts.

The rooms, from the values at the bottom to the wiring at the top, and what each may import, are in
``docs/design/architecture.rst``; ``tests/unit/house/test_house_rules.py`` holds them to it.
"""

__version__ = "0.2.0"
