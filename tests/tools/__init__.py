"""Unit tests of the tools beside the product: benchmarks, the checker of faults, the runner of the tests."""
