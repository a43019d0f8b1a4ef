"""The Lua that nginx runs, run in part without nginx."""

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

-- the Lua of an older agent gave entries the version of its message, and did not count on
local function apply(number, service)
    routes.apply({ version = number, hosts = { again = { { path = "/", service = service } } }, services = {} })
end
apply(300000, "former")
version, entries["vh/again"] = 300000 + entries["vh/again"], entries["vh/again"] + 1
assert(routes.location("again").service == "former")
apply(version + 1, "present")
assert(routes.location("again").service == "present")
"""
"""Asks the routes of one worker for names that nobody has, and for names that come and go, and prints what it keeps."""

CONTROL = r"""
local marks = {}
ngx = { HTTP_OK = 200, var = {}, exit = function() end }
ngx.print = function(text) io.write(ngx.status, " ", text, "\n") end
ngx.shared = { counts = {
    add = function(_, key) local is_free = not marks[key]; marks[key] = true; return is_free end,
    delete = function(_, key) marks[key] = nil end,
} }
local body
ngx.req = {
    get_method = function() return "POST" end,
    read_body = function() end,
    get_body_data = function() return body end,
}
package.preload["cjson.safe"] = function() return { decode = function(value) return value end } end
for _, name in ipairs({ "choose", "counts", "routes" }) do
    package.preload["door." .. name] = function() return {} end
end
local control = require "door.control"

local function send(state, message)
    body = message
    control.serve(state)
end

local version, is_broken, meanwhile = nil, false, function() end
local state = { version = function() return version end }
function state.apply(message)
    meanwhile()
    if is_broken then error("broken") end
    version = message.version
    return true
end

send(state, { whole = true, version = 1, routes = "first" })
send(state, { whole = true, version = 1, routes = "late" })
send(state, { from = 0, version = 1, routes = "late" })
send(state, { from = 1, version = 2 })
meanwhile = function() send(state, { whole = true, version = 3 }) end
send(state, { whole = true, version = 3 })
meanwhile, is_broken = function() end, true
assert(not pcall(send, state, { whole = true, version = 4 }))
is_broken = false
send(state, { whole = true, version = 4 })
"""
"""Gives messages to the control of a state: late ones, one while another one is being taken over, and a broken one."""


class RunTests(SynchronousTestCase):
    """Modules of it, run with what they need of nginx."""

    def run_lua(self, program: str) -> list[str]:
        """Return what the program prints, by lines."""
        if shutil.which("lua5.1") is None and not os.environ.get("CI"):
            raise SkipTest("lua5.1 is not installed")
        surroundings = {**os.environ, "LUA_PATH": f"{LUA}/?.lua"}
        ran = subprocess.run(
            ["lua5.1", "-"], input=program, env=surroundings, capture_output=True, text=True, timeout=60, check=False
        )
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        return ran.stdout.splitlines()

    def test_one_message_at_a_time(self) -> None:
        """
        A message that comes late, or while another one is being taken over, changes nothing; one that cannot be taken
        over keeps no other one out.
        """
        expected = ["200 1", "409 1", "409 1", "200 2", "503 another message is being taken over", "200 3", "200 4"]
        self.assertEqual(self.run_lua(CONTROL), expected)

    def test_kept(self) -> None:
        """A worker keeps nothing of names that are unknown, whatever clients ask for, and little of names that went."""
        kilobytes = dict(line.split() for line in self.run_lua(ROUTES))
        self.assertLess(int(kilobytes["unknown"]), 100)
        self.assertLess(int(kilobytes["gone"]), 2000)
