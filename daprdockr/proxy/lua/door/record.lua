-- The records that a worker keeps of requests while they are under way.
--
-- Note [Under way]: an internal redirect takes ngx.ctx away, so what is known of a request is kept by the address of
-- nginx's own record of it, which stays in its place until the log phase.

local base = require "resty.core.base"
local ffi = require "ffi"

local M = {}

local MOST_SPARE = 1000 -- records

local NONE = {} -- no location, no endpoint
M.NONE = NONE

local underway = {}
local spare, spares = {}, 0 -- records for the next requests: to make each anew would cost more

local function address()
    local number = tonumber(ffi.cast("uintptr_t", base.get_request()))
    return number
end

-- A record without a request. All members are here at first, because a table that grows costs more.
local function blank()
    return {
        location = NONE,
        service = "",
        deadline = 0,
        endpoints = false, -- those that were there last, and the version of that list
        version = false,
        tried = NONE,
        received = 0, -- how many endpoints got it
        tries = 0,
        returns = 0, -- how often it came back
        key = false, -- of the endpoint that has it now
        instance = "",
        late = false,
        is_waiting = false, -- whether it has a place among those that wait; false again when it has ended
        is_interim = false, -- whether an interim answer came that its client cannot read
        room = false, -- bytes of memory for its body
        sender = "", -- the address that these count for
        is_reading = false, -- whether that is not there whole yet
    }
end

-- Begin the record of this request, which is for a location.
function M.begin(location)
    local ctx = spare[spares]
    if ctx then
        spare[spares], spares = nil, spares - 1
    else
        ctx = blank()
    end
    ctx.location, ctx.service, ctx.deadline = location, location.service, ngx.now() + location.hold
    ctx.version, ctx.received, ctx.tries, ctx.key, ctx.instance, ctx.late = false, 0, 0, false, "", false
    ctx.room, ctx.is_reading, ctx.returns, ctx.is_interim = false, false, 0, false
    underway[address()] = ctx
    return ctx
end

-- The record of this request; nil if there is no location for it.
function M.present()
    return underway[address()]
end

-- Forget this request. Its record keeps what it says of it until the next request begins.
function M.forget(ctx)
    underway[address()] = nil
    ctx.location, ctx.endpoints, ctx.tried = NONE, false, NONE
    if spares < MOST_SPARE then
        spares = spares + 1
        spare[spares] = ctx
    end
end

return M
