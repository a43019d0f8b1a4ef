-- A request waits until an instance of its service is there, instead of failing.
--
-- As long as etcd is away there is no new list of endpoints, so those that were tried, and still stand in the list, are
-- called again now and then: one that takes a connection counts as untried, too. So does one that broke the connection
-- of an idempotent request, which may have been no more than the end of a kept connection. See Note [What is repeated]
-- in again.lua for how many endpoints receive a request.

local choose = require "door.choose"
local counts = require "door.counts"
local inside = require "door.inside"
local pages = require "door.pages"
local record = require "door.record"
local routes = require "door.routes"

local M = {}

local MOST_WAITING = 1000 -- requests that wait in one worker
local MOST_OF_SERVICE = 500 -- of one service: a busy one that is paused leaves room for others
local FIRST_CALL, LAST_CALL = 1, 2 -- seconds between two calls of endpoints that were tried
local CALL_TIMEOUT = 500 -- milliseconds
local FIRST_PAUSE, LAST_PAUSE = 0.005, 0.1 -- seconds
local CLIENT_CLOSED = 499 -- nginx's code for a client that did not wait for the answer
local PAUSED = "this service is paused"
local UNREACHED = "no instance of this service takes a connection from this node"

local NONE = record.NONE

local waiting = 0
local waiting_for = {} -- by service; none is 0

-- Whether there is an endpoint that the request did not try. In a new list of them all are untried.
local function ready(ctx)
    local endpoints, version = routes.endpoints(ctx.service)
    if not endpoints then
        return false
    end
    if version ~= ctx.version then
        ctx.endpoints, ctx.version, ctx.tried = endpoints, version, NONE
    end
    if ctx.tried == NONE then
        return #endpoints > 0
    end
    return choose.any(endpoints, ctx.tried)
end
M.ready = ready

-- Where the request would go by now: its service may have been paused since it came.
local function present_location()
    return routes.location(ngx.var.host) or NONE
end

-- Return what is wrong, unless no instance is healthy. A healthy one may take no connection: it has just gone, or there
-- is no port left here for another connection to it.
local function why(location)
    if location.paused then
        return PAUSED
    end
    local endpoints = routes.endpoints(location.service or "")
    return endpoints and #endpoints > 0 and UNREACHED or nil
end

-- Answer a request that found no endpoint.
function M.give_up()
    local location = present_location()
    counts.add(location.paused and "paused" or "unserved")
    if location.page then
        return pages.maintenance(routes.page(location.page))
    end
    return pages.refuse(503, why(location))
end

-- Call the endpoints that were tried; one that takes a connection now counts as untried.
local function call_again(ctx)
    for _, endpoint in ipairs(ctx.endpoints or NONE) do
        local key = endpoint.key
        if key and ctx.tried[key] then
            local socket = ngx.socket.tcp()
            socket:settimeout(CALL_TIMEOUT)
            if socket:connect(endpoint[1], endpoint[2]) then
                socket:close()
                ctx.tried[key] = nil
                return
            end
        end
    end
end

-- Whether a request that has no endpoint may wait for one.
local function may_wait(ctx)
    return ngx.now() < ctx.deadline and not present_location().page
end

-- Give the place of a request that waits to others: it goes on, or its client has left.
function M.leave(ctx)
    local left = waiting_for[ctx.service] - 1
    waiting, waiting_for[ctx.service], ctx.is_waiting = waiting - 1, left > 0 and left or nil, false
end

-- Wait until an endpoint is there that was not tried, at most until `ctx.deadline`, and not under maintenance; whether
-- there is one. A paused service has none.
local function hold(ctx)
    local service = ctx.service
    local of_service = waiting_for[service] or 0
    if not may_wait(ctx) then
        return false
    end
    if waiting >= MOST_WAITING or of_service >= MOST_OF_SERVICE then
        return false
    end
    counts.add("held")
    waiting, waiting_for[service], ctx.is_waiting = waiting + 1, of_service + 1, true
    local pause, call = FIRST_PAUSE, FIRST_CALL
    local call_at = ngx.now() + call
    while not ready(ctx) and may_wait(ctx) do
        ngx.sleep(math.min(pause, math.max(ctx.deadline - ngx.now(), 0.001)))
        pause = math.min(1.5 * pause, LAST_PAUSE)
        if inside.has_left() then
            M.leave(ctx)
            return ngx.exit(CLIENT_CLOSED)
        end
        if ngx.now() >= call_at and next(ctx.tried) then
            call_again(ctx)
            call = math.min(1.5 * call, LAST_CALL)
            call_at = ngx.now() + call
        end
    end
    M.leave(ctx)
    return ready(ctx)
end

-- Let this request go on as soon as there is an endpoint that it did not try, or answer it. Where nginx looks whether
-- its client has left (lua_check_client_abort), this may end in the middle.
function M.wait_or_give_up()
    local ctx = record.present()
    if not ready(ctx) and not hold(ctx) then
        return M.give_up()
    end
end

return M
