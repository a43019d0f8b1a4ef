"""What functional tests and benchmarks stand on: real programs, hosts, load."""
