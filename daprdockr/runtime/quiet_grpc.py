# -*- test-case-name: tests.functional.test_etcd_stubs,tests.unit.agent.host.test_call_check -*-
"""
The only importer of gRPC. Its core writes to standard error by itself, even at level INFO: to debug it, set the
variable.
"""

from __future__ import annotations

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc

__all__ = ["grpc"]
