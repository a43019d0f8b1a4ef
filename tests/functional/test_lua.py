"""The Lua that nginx runs: read by luacheck, and in part run without nginx."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

LUA = Path(__file__).parents[2] / "daprdockr/proxy/lua"

ROUTES = r"""
local entries = {}
local version = 1
ngx = { shared = { routes = {
    get = function(_, key) return entries[key] end,
    safe_set = function(_, key, value) entries[key] = value; return true end,
    delete = function(_, key) entries[key] = nil end,
} }, var = { uri = "/" } }
local null = {}
package.preload["cjson.safe"] = function()
    return { null = null, encode = function(value) return value end, decode = function(value) return value end }
end
package.preload["door.version"] = function()
    return { get = function() return version end, set = function(number) version = number end }
end
local routes = require "door.routes"

local function kilobytes()
    collectgarbage()
    collectgarbage()
    return collectgarbage("count")
end

local before = kilobytes()
for number = 1, 20000 do
    assert(routes.location("unknown-" .. number .. ".example.com") == nil)
end
io.write("unknown ", math.floor(kilobytes() - before), "\n")

before = kilobytes()
for number = 1, 20000 do
    local name = "gone-" .. number .. ".example.com"
    routes.apply({ version = 2 * number, hosts = { [name] = { { path = "/" } } }, services = {} })
    assert(routes.location(name).path == "/")
    routes.apply({ version = 2 * number + 1, hosts = { [name] = null }, services = {} })
end
io.write("gone ", math.floor(kilobytes() - before), "\n")

for number = 1, 3000 do
    routes.apply({ version = 200000 + number, hosts = { ["there-" .. number] = { { path = "/" } } }, services = {} })
end
for _ = 1, 2 do
    for number = 1, 3000 do
        assert(routes.location("there-" .. number).path == "/")
    end
end
assert(routes.location("gone-20000.example.com") == nil)
"""
"""Asks the routes of one worker for names that nobody has, and for names that come and go, and prints what it keeps."""


class LuacheckTests(SynchronousTestCase):
    def test_clean(self) -> None:
        """luacheck finds nothing: no unknown name, no unused one, no long line."""
        if shutil.which("luacheck") is None and not os.environ.get("CI"):
            raise SkipTest("luacheck is not installed")
        command = ["luacheck", "--no-color", "--std", "ngx_lua", str(LUA)]
        checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(0, checked.returncode, checked.stdout)


class RoutesTests(SynchronousTestCase):
    def test_kept(self) -> None:
        """A worker keeps nothing of names that are unknown, whatever clients ask for, and little of names that went."""
        if shutil.which("lua5.1") is None and not os.environ.get("CI"):
            raise SkipTest("lua5.1 is not installed")
        surroundings = {**os.environ, "LUA_PATH": f"{LUA}/?.lua"}
        ran = subprocess.run(
            ["lua5.1", "-"], input=ROUTES, env=surroundings, capture_output=True, text=True, timeout=60, check=False
        )
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        kilobytes = dict(line.split() for line in ran.stdout.splitlines())
        self.assertLess(int(kilobytes["unknown"]), 100)
        self.assertLess(int(kilobytes["gone"]), 2000)
