"""
Run declaratively described container services on a cluster of Docker hosts.

The rooms, from the values at the bottom to the wiring at the top, and what each may import, are in
``docs/design/architecture.rst``; ``tests/unit/house/test_house_rules.py`` holds them to it.
"""

import os

# Set here because the generated stubs of etcd3 0.12 load under a current protobuf only with its pure Python backend,
# and the backend is chosen when protobuf is first imported by any module.
os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")

__version__ = "0.1.0"
