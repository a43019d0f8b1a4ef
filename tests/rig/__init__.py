"""The base of functional tests and benchmarks: real programs, hosts, load."""
