"""``daprdockr.etcd.stubs`` in a Python of its own: which backend of protobuf it runs on, and what it starts."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

BACKEND = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"


class StubsTests(SynchronousTestCase):
    """Importing ``daprdockr.etcd.stubs``."""

    def run_python(self, code: str, **environment: str) -> tuple[str, str]:
        """The standard output and standard error of a new Python process."""
        inherited = {name: value for name, value in os.environ.items() if name != BACKEND}
        path = os.pathsep.join(path for path in sys.path if path)
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=inherited | {"PYTHONPATH": path} | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.stdout, done.stderr

    def test_fast(self) -> None:
        """The messages are those of protobuf's backend in C, though nothing in the environment asks for it."""
        code = (
            "import daprdockr.etcd.stubs; from google.protobuf.internal import api_implementation as backend; "
            "print(backend.Type())"
        )
        self.assertEqual(self.run_python(code), ("upb\n", ""))

    def test_old_package(self) -> None:
        """The package etcd3 of 2020 in the place of its successor is one error of ours, and says what to do."""
        code = (
            "import sys, types, google.protobuf.descriptor as old; "
            "package, rpc = types.ModuleType('etcd3'), types.ModuleType('etcd3.etcdrpc'); "
            "rpc.__getattr__ = lambda name: old.FieldDescriptor(*[None] * 18); "
            "sys.modules |= {'etcd3': package, 'etcd3.etcdrpc': rpc}; "
            "import daprdockr.etcd.stubs"
        )
        out, errors = self.run_python(code)
        self.assertEqual(out, "")
        self.assertIn("BadInput", errors.splitlines()[-1])
        self.assertIn("pip uninstall etcd3", errors.splitlines()[-1])

    def test_nothing_is_opened(self) -> None:
        """A store that was made and not used has started no thread, so that the agent may still fork."""
        code = (
            "import os; from daprdockr.etcd.store import EtcdStore; from daprdockr.etcd.address import Access; "
            "EtcdStore(Access.parse('127.0.0.1:1')); print(len(os.listdir('/proc/self/task')))"
        )
        self.assertEqual(self.run_python(code), ("1\n", ""))
