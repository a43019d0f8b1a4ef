"""
The tests: ``unit`` needs nothing but Python; ``functional`` needs etcd, a Docker Engine and nginx.

``contracts`` holds suites that a fake of ``fakes`` and the real adapter both pass.
"""

from hypothesis import settings

# The same examples in every run, on machines of any speed, and nothing remembered in between.
settings.register_profile("suite", deadline=None, derandomize=True, database=None, max_examples=150)
settings.load_profile("suite")
