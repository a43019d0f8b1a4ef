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

    def test_backend_is_chosen(self) -> None:
        """Without a variable in the environment, the backend that can load the stubs is chosen."""
        self.assertEqual(self.run_python("import daprdockr.etcd.stubs; print('well')"), ("well\n", ""))

    def test_another_backend(self) -> None:
        """With another backend the error is ours, and names the variable."""
        code = "import daprdockr.etcd.stubs"
        for out, errors in (
            self.run_python(code, **{BACKEND: "upb"}),
            self.run_python("import google.protobuf.descriptor; " + code),
        ):
            self.assertEqual(out, "")
            self.assertIn("BadInput", errors.splitlines()[-1])
            self.assertIn(BACKEND, errors.splitlines()[-1])

    def test_nothing_is_opened(self) -> None:
        """A store that was made and not used has started no thread, so that the agent may still fork."""
        code = (
            "import os; from daprdockr.etcd.store import EtcdStore; from daprdockr.etcd.address import Access; "
            "EtcdStore(Access.parse('127.0.0.1:1')); print(len(os.listdir('/proc/self/task')))"
        )
        self.assertEqual(self.run_python(code), ("1\n", ""))
