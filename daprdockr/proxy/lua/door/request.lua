-- One request on its way: admitted to a location, sent to an endpoint, done. See hold.lua for one that waits, body.lua
-- for one whose body is read first, and again.lua for one that failed.
--
-- Note [Compiled]: LuaJIT compiles a function up to its end only if it makes no closure on its way, and comes to no
-- loop that ends after a few turns. Interpreted, one takes several times as long. So what every request needs has
-- neither.

local again = require "door.again"
local balancer = require "ngx.balancer"
local body = require "door.body"
local choose = require "door.choose"
local counts = require "door.counts"
local headers = require "door.headers"
local hold = require "door.hold"
local interim = require "door.interim"
local match = require "door.match"
local pages = require "door.pages"
local record = require "door.record"
local room = require "door.room"
local routes = require "door.routes"
local scheme = require "door.scheme"
local sticky = require "door.sticky"

local M = {}

local BUSY = -3 -- NGX_BUSY: nginx takes it for "no live upstreams", answers 502, and so comes to again.readmit
local BAD_HEADER = "a header has a name that HTTP does not allow, or one that the front door sets, written with a dot"
local LONG_HEADERS = "the headers of the request are larger than this service takes"

local NONE = record.NONE

local function strip(location)
    if location.strip then
        ngx.var.door_target = match.stripped(location.path, ngx.var.request_uri, ngx.var.uri)
        ngx.var.door_prefix = match.written(location.path)
    end
end

-- The location in which a call by gRPC goes on. One that fails at all endpoints does not come back (again.lua), so it
-- waits if others found a moment ago that none of them takes a connection.
local function of_call(ctx, is_ready)
    ctx.tried = is_ready and choose.all_left_out(ctx.endpoints) or ctx.tried
    return hold.ready(ctx) and "@called" or "@held_call"
end

-- The location in which an admitted request goes on; nil where it stays in the one for most.
local function elsewhere(ctx, may_have_body, is_bounded, is_unusual)
    local location, is_ready = ctx.location, hold.ready(ctx)
    if location.grpc then
        return of_call(ctx, is_ready)
    end
    if may_have_body and body.take(location) then
        return "@buffered"
    end
    if is_bounded and body.is_unannounced() then
        return "@unannounced"
    end
    if not is_ready then
        return "@held"
    end
    if is_unusual or location.strip or location.sticky or not interim.is_ready() then
        interim.leave()
        return "@unusual"
    end
end

-- access phase of a request that comes in; `is_elsewhere` where the location that it came to passes none on
function M.admit(is_elsewhere)
    local host = ngx.var.host
    local location = routes.location(host)
    if not location then
        return pages.refuse(routes.version() and 404 or 503) -- nothing is known yet: what is asked for may well exist
    end
    local ctx = record.begin(location) -- also of one that is refused: the access log names its service
    if location.max_header and headers.length() > location.max_header then
        return pages.refuse(431, LONG_HEADERS)
    end
    local has_body, is_unusual, is_bad = headers.look(host)
    local is_bounded = location.max_body or location.buffer
    local may_have_body = has_body or is_bounded and body.may_have_any_length()
    local status = may_have_body and location.max_body and body.too_large(location.max_body, location.buffer)
    if status then
        return ngx.exit(status) -- by nginx, so that the client is not asked for its body first
    end
    if location.tls or location.hsts then
        scheme.enforce(location)
    end
    if is_bad then
        return pages.refuse(400, BAD_HEADER)
    end
    local next_location = elsewhere(ctx, may_have_body, is_bounded, is_unusual or is_elsewhere)
    if next_location then
        strip(location)
        return ngx.exec(next_location)
    end
end

-- An endpoint of the list that is in force after it was counted: see Note [Requests under way] in choose.lua.
local function taken(ctx, endpoints, version)
    local sticks_by = ctx.location.sticky
    local ranks = sticks_by and sticky.ranks(sticks_by, ctx.service)
    local endpoint, key = choose.take(endpoints or NONE, ctx.tried, ranks)
    local latest, in_force = routes.endpoints(ctx.service)
    if in_force == version then
        return endpoints, endpoint, key
    end
    if key then
        choose.release(key)
    end
    return taken(ctx, latest, in_force)
end

-- balancer phase
function M.send()
    local ctx = record.present()
    local has_failed = again.note(ctx)
    local endpoints, endpoint, key
    if again.is_allowed(ctx) then
        endpoints, endpoint, key = taken(ctx, ctx.endpoints, ctx.version)
    end
    if not endpoint then
        return ngx.exit(BUSY)
    end
    if ctx.tries > 0 then
        counts.add("retried")
    end
    ctx.key, ctx.instance, ctx.tries = key, endpoint[4], ctx.tries + 1
    if not has_failed and #endpoints > 1 then
        balancer.set_more_tries(#endpoints - 1)
    end
    if ctx.location.timeout then
        balancer.set_timeouts(nil, nil, ctx.location.timeout)
    end
    if ctx.location.sticky then
        sticky.remember(ctx.location, endpoint)
    end
    local done, why = balancer.set_current_peer(endpoint[1], endpoint[2])
    if not done then
        ngx.log(ngx.ERR, "endpoint ", key, " cannot be used: ", why)
        return ngx.exit(BUSY)
    end
end

-- log phase; what is known of the request, till the next one comes; nil if it came to no service
function M.done()
    local ctx = record.present()
    if not ctx then
        return nil
    end
    if ctx.key then
        choose.release(ctx.key)
    elseif ctx.is_waiting then
        hold.leave(ctx)
    end
    if ctx.room then
        room.give_back(ctx.room, ctx.sender)
    end
    record.forget(ctx)
    return ctx
end

return M
