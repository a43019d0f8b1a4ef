"""The Lua that nginx runs, read by luacheck."""

from __future__ import annotations

import os
import shutil
import subprocess

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.unit.house.sources import CHECKOUT


class LuacheckTests(SynchronousTestCase):
    def test_clean(self) -> None:
        """luacheck finds nothing: no unknown name, no unused one, no long line."""
        if shutil.which("luacheck") is None and not os.environ.get("CI"):
            raise SkipTest("luacheck is not installed")
        command = ["luacheck", "--no-color", "--std", "ngx_lua", str(CHECKOUT / "daprdockr/proxy/lua")]
        checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(0, checked.returncode, checked.stdout)
