-- The version of the routes in force, one number that all workers of nginx read several times for each request.
--
-- A read of a shared dictionary takes a lock, a hash and a search. So the number lies in memory of its own, which the
-- master maps before it starts workers, and which they inherit. A reload runs this anew in the same master: the
-- dictionary, which is kept then, has the address of the memory.

local ffi = require "ffi"

ffi.cdef "void *mmap(void *address, size_t length, int protection, int flags, int file, long offset);"

local READ_AND_WRITE = 3
local SHARED_AND_ANONYMOUS = 33
local SIZE = 4096
local FAILED = -1
local NONE = -1

local dict = ngx.shared.routes

local M = {}

local function mapped()
    local memory = ffi.C.mmap(nil, SIZE, READ_AND_WRITE, SHARED_AND_ANONYMOUS, -1, 0)
    local address = tonumber(ffi.cast("intptr_t", memory))
    if address == FAILED then
        error("no memory for the version of the routes")
    end
    ffi.cast("double *", memory)[0] = dict:get("version") or NONE
    dict:set("memory", address)
    return address
end

local number = ffi.cast("double *", ffi.cast("intptr_t", dict:get("memory") or mapped()))

-- Nil until there are routes.
function M.get()
    local version = number[0]
    return version ~= NONE and version or nil
end

-- Come after all entries of that version were written.
function M.set(version)
    dict:set("version", version) -- which workers with the Lua of an older agent read, until they have ended
    number[0] = version
end

return M
