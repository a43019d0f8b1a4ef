-- The service that a request is for, and the addresses where the instances of a service listen.
--
-- The shared dictionary holds them as JSON, written by the agent (control.lua) and read by all workers. A worker
-- decodes an entry once and keeps it with the entry's version, and with the version of the whole at which it last
-- compared the two. So a request costs a few reads of one number (version.lua). The version of the whole is written
-- after the entries: a worker that sees the new number reads the new entries.

local cjson = require "cjson.safe"
local match = require "door.match"
local seed = require "door.seed"
local in_force = require "door.version"

local LONGEST_NAME = 253
local NAME = "^[%w_-][%w_.-]*$"
local LEAST = 1000 -- names of a kind that a worker keeps before it looks for those that are gone

local dict = ngx.shared.routes

-- How the entries of one kind are kept in the dictionary, and in this worker: of those that exist alone, so that no
-- client fills its memory with names that nobody has.
local function kept(prefix, made)
    return { prefix = prefix, made = made, known = {}, count = 0, most = LEAST }
end

-- Forget the names that are gone. Nobody asks for most of them again, and a worker may live for months.
local function forget_gone(entries)
    local left = 0
    for name in pairs(entries.known) do
        if dict:get("v" .. entries.prefix .. name) then
            left = left + 1
        else
            entries.known[name] = nil
        end
    end
    entries.count, entries.most = left, math.max(LEAST, 2 * left)
end

local function unchanged(value)
    return value
end

local hosts = kept("h/", match.index)
local services = kept("s/", unchanged)
local pages = kept("p/", unchanged)

local M = {}

-- The entry and its version as they stand in the dictionary; nil when there is none.
local function compared(entries, name, whole)
    local key = entries.prefix .. name
    local version = dict:get("v" .. key)
    local known = entries.known[name]
    if not version then
        entries.count = known and entries.count - 1 or entries.count
        entries.known[name] = nil
        return nil
    end
    if not known then
        entries.count = entries.count + 1
        if entries.count > entries.most then
            forget_gone(entries)
        end
    end
    if not known or known.version ~= version then
        known = { version = version, value = entries.made(cjson.decode(dict:get(key) or "null")) }
        entries.known[name] = known
    end
    known.whole = whole
    return known.value, version
end

local function read(entries, name)
    local whole = in_force.get()
    local known = entries.known[name]
    if known and known.whole == whole then
        return known.value, known.version
    end
    return compared(entries, name, whole)
end

local function remove(key)
    dict:delete("v" .. key)
    dict:delete(key)
end

local function write(key, value, version)
    local done, why = dict:safe_set(key, cjson.encode(value))
    if done then
        done, why = dict:safe_set("v" .. key, version)
    end
    return done, why
end

-- Not every host that nginx lets through is a name: the service may make a URL of it, and `evil.com?.example.com` leads
-- elsewhere there.
local function among_patterns(host, path)
    if not host:find(NAME) then
        return nil
    end
    local rest = host
    while true do
        local dot = rest:find(".", 1, true)
        if not dot then
            return nil
        end
        rest = rest:sub(dot + 1)
        local index = read(hosts, "*." .. rest)
        local found = index and match.find(index, path)
        if found then
            return found
        end
    end
end

-- The location that a request is for, of `a.b.example.com` itself; if that has none for its path of `*.b.example.com`,
-- and so on. The price does not depend on how many host names there are.
function M.location(host)
    if #host > LONGEST_NAME then
        return nil
    end
    local index = read(hosts, host)
    if index and index.anything then
        return index.anything
    end
    local path = ngx.var.uri
    return index and match.find(index, path) or among_patterns(host, path)
end

-- The endpoints of a service and the version of that list; nil where the agent knows no such service.
function M.endpoints(service)
    return read(services, service)
end

-- The page of a service under maintenance; nil or "" for the usual one.
function M.page(service)
    return read(pages, service)
end

-- The thumbprint that follows the token in the answer to a challenge of an ACME server; nil where we answer none.
function M.thumbprint()
    local found = dict:get("thumbprint")
    return found ~= "" and found or nil
end

-- Nil until the agent, or its file, said anything.
function M.version()
    return in_force.get()
end

-- The parts of a message, by prefix; one of an older agent, or in its file, has no pages.
local function parts(message)
    return { ["h/"] = message.hosts, ["s/"] = message.services, ["p/"] = message.pages or {} }
end

-- The version of the entries that are written now. It is not that of the message: if there is no room for all of it,
-- another message of the same version follows, and a worker that has read some entry reads it again. It is later than
-- those of the Lua of an older agent, which did not count, and gave entries the version of the message.
local function next_of_entries()
    local version = math.max(dict:get("entries") or 0, in_force.get() or 0) + 1
    dict:safe_set("entries", version)
    return version
end

local function write_all(message, version)
    for kind, entries in pairs(parts(message)) do
        for name, value in pairs(entries) do
            if value ~= cjson.null then
                local done, why = write(kind .. name, value, version)
                if not done then
                    return nil, why
                end
            end
        end
    end
    local thumbprint = message.thumbprint or message.whole and ""
    if thumbprint then
        return dict:safe_set("thumbprint", thumbprint)
    end
    return true
end

-- Remove what the message has no more.
local function forget(message)
    local by_kind = parts(message)
    for kind, entries in pairs(by_kind) do
        for name, value in pairs(entries) do
            if value == cjson.null then
                remove(kind .. name)
            end
        end
    end
    for _, key in ipairs(message.whole and dict:get_keys(0) or {}) do
        local entries = by_kind[key:sub(1, 2)]
        if entries and not entries[key:sub(3)] then
            remove(key)
        end
    end
end

-- Take over a message of the agent: `hosts`, `services` and `pages` by name, null where one is gone. See control.lua.
-- The entries that are gone go last, unless their room is needed at once.
function M.apply(message)
    local version = next_of_entries()
    local done, why = write_all(message, version)
    forget(message)
    if not done then
        done, why = write_all(message, version)
    end
    if not done then
        return nil, why
    end
    in_force.set(message.version)
    return true
end

-- Begin with what the agent wrote to a file: a restarted nginx serves the last known routes before the agent knows any.
function M.seed(path)
    seed.begin(M, "routes", path, { "hosts", "services" })
end

return M
