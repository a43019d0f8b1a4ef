"""
The tests: ``unit`` needs nothing but Python; ``functional`` needs etcd, a Docker Engine and nginx.

``contracts`` holds suites that a fake of ``fakes`` and the real adapter both pass.
"""
