-- One request on its way: admitted to a service, held while no instance is there, sent to an endpoint, perhaps to
-- another.
--
-- Note [What is repeated]: nginx repeats a request on a second endpoint when nothing of it was sent or its method is
-- idempotent (proxy_next_upstream), and so on until each endpoint was tried. When all have failed the request comes
-- back through error_page and waits here for an endpoint that it did not try, as long as its service holds requests. A
-- new list of endpoints counts as untried: a container that was started anew may listen where the old one did. As long
-- as etcd is away there is no new list, so an endpoint that took no connection, and still stands in the list, is called
-- again now and then: once it takes one, it counts as untried, too. A request with a body comes back only if no
-- endpoint received any of it and we have all of it: nginx reads the rest only once. No more than two endpoints receive
-- the same request, which may be what ends them; and only one that lets the route's timeout pass, for the other might
-- do the same, and work on it twice as long. nginx sends a request on to another location ten times, and answers by a
-- page of its own then; so one that has come back eight times waits no more.
--
-- Note [Under way]: an internal redirect takes ngx.ctx away, so what is known of a request is kept by the address of
-- nginx's own record of it, which stays in its place until the log phase.

-- Note [Buffered]: where a route says so, a body is read whole, into memory, before the request goes on: a chunked one
-- then has a length, and a client that sends slowly occupies no instance. Workers cannot write into our directory, so
-- there is no disk to put it on; hence the bounds, for each body here, and for those of a worker together in room.lua.

-- Note [Compiled]: LuaJIT compiles a function up to its end only if it makes no closure on its way, and comes to no
-- loop that ends after a few turns. Interpreted, one takes several times as long. So what every request needs has
-- neither.

local balancer = require "ngx.balancer"
local base = require "resty.core.base"
local choose = require "door.choose"
local counts = require "door.counts"
local ffi = require "ffi"
local headers = require "door.headers"
local interim = require "door.interim"
local match = require "door.match"
local pages = require "door.pages"
local room = require "door.room"
local routes = require "door.routes"
local scheme = require "door.scheme"
local sticky = require "door.sticky"

local M = {}

local MOST_WAITING = 1000 -- requests that wait in one worker
local MOST_OF_SERVICE = 500 -- of one service: a busy one that is paused leaves room for others
local MOST_SPARE = 1000 -- records
local MOST_RETURNS = 8 -- of one request: see Note [What is repeated]
local MOST_RECEIVED = 2 -- endpoints that may get the same request: it may be what ends them
local FIRST_CALL, LAST_CALL = 1, 2 -- seconds between two calls of endpoints that took no connection
local CALL_TIMEOUT = 500 -- milliseconds
local FIRST_PAUSE, LAST_PAUSE = 0.005, 0.1 -- seconds
local BUSY = -3 -- NGX_BUSY: nginx takes it for "no live upstreams", answers 502, and so comes to readmit
local SMALL_BODY = 65536 -- bytes: read before the request goes on, so that it can be repeated
local MOST_OF_ONE = 16777216 -- bytes of a body that is read whole: client_max_body_size of its location
local MOST_HEADERS = 65536 -- bytes of an answer's headers: proxy_buffer_size
local IDEMPOTENT = { GET = true, HEAD = true, OPTIONS = true, PUT = true, DELETE = true, TRACE = true }

local BODILESS = { GET = true, HEAD = true, OPTIONS = true, DELETE = true, TRACE = true }

local BAD_HEADER = "a header has a name that HTTP does not allow, or one that the front door sets, written with a dot"
local NO_ANSWER = "the instance of this service broke its answer off, or answered with something other than HTTP"
local CUT_BODY = "the instance of this service ended the connection before it had taken the whole body"
local LONG_HEADERS = "the headers of the request are larger than this service takes"
local LONG_ANSWER = "the headers of the answer are larger than 64 KiB"
local NO_ROOM = "too many uploads are under way: try again soon"
local PAUSED = "this service is paused"

local NONE = {} -- no endpoint was tried

local waiting = 0
local waiting_for = {} -- by service; none is 0
local underway = {}
local spare, spares = {}, 0 -- records for the next requests: to make each anew would cost more

local function address()
    local number = tonumber(ffi.cast("uintptr_t", base.get_request()))
    return number
end

-- Whether a body of unknown length may come: with HTTP/2 no header shows it.
local function has_body_of_any_length()
    return ngx.req.http_version() >= 2 and not ngx.var.http_content_length and not BODILESS[ngx.req.get_method()]
end

-- The status to refuse a request with whose body is too large, or might be: only the Content-Length of a body bounds it
-- before it was passed on.
local function too_large(most, is_buffered)
    if ngx.var.http_transfer_encoding or has_body_of_any_length() then
        return not is_buffered and 411 or nil
    end
    return (tonumber(ngx.var.http_content_length) or 0) > most and 413 or nil
end

-- Whether the body of a request is not known to be small; a chunked one may never end.
local function has_large_body()
    return ngx.var.http_transfer_encoding ~= nil or (tonumber(ngx.var.http_content_length) or 0) > SMALL_BODY
end

local function ready(ctx)
    local endpoints, version = routes.endpoints(ctx.service)
    if not endpoints then
        return false
    end
    if version ~= ctx.version then
        ctx.endpoints, ctx.version, ctx.tried, ctx.refused = endpoints, version, NONE, NONE
    end
    if ctx.tried == NONE then
        return #endpoints > 0
    end
    return choose.any(endpoints, ctx.tried)
end

-- Where the request would go by now: its service may have been paused since it came.
local function present_location()
    return routes.location(ngx.var.host) or NONE
end

-- Answer a request that found no endpoint.
local function give_up()
    counts.add("unserved")
    local location = present_location()
    if location.page then
        return pages.maintenance(routes.page(location.page))
    end
    return pages.refuse(503, location.paused and PAUSED or nil)
end

-- Call the endpoints that took no connection; those that do now count as untried.
local function call_again(ctx)
    for _, endpoint in ipairs(ctx.endpoints or NONE) do
        local key = endpoint.key
        if key and ctx.refused[key] then
            local socket = ngx.socket.tcp()
            socket:settimeout(CALL_TIMEOUT)
            if socket:connect(endpoint[1], endpoint[2]) then
                socket:close()
                ctx.refused[key], ctx.tried[key] = nil, nil
                return
            end
        end
    end
end

-- Wait until an endpoint is there that was not tried, at most until `ctx.deadline`, and not under maintenance; whether
-- there is one. A paused service has none.
local function hold(ctx)
    local service = ctx.service
    local of_service = waiting_for[service] or 0
    if waiting >= MOST_WAITING or of_service >= MOST_OF_SERVICE then
        return false
    end
    counts.add("held")
    waiting, waiting_for[service] = waiting + 1, of_service + 1
    local pause, call = FIRST_PAUSE, FIRST_CALL
    local call_at = ngx.now() + call
    while not ready(ctx) and not present_location().page and ngx.now() < ctx.deadline do
        ngx.sleep(math.min(pause, math.max(ctx.deadline - ngx.now(), 0.001)))
        pause = math.min(1.5 * pause, LAST_PAUSE)
        if ngx.now() >= call_at and next(ctx.refused) then
            call_again(ctx)
            call = math.min(1.5 * call, LAST_CALL)
            call_at = ngx.now() + call
        end
    end
    waiting = waiting - 1
    waiting_for[service] = waiting_for[service] > 1 and waiting_for[service] - 1 or nil
    return ready(ctx)
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
        refused = NONE, -- those of them that took no connection
        received = 0, -- how many endpoints got it
        tries = 0,
        returns = 0, -- how often it came back
        key = false, -- of the endpoint that has it now
        instance = "",
        late = false,
        room = false, -- bytes of memory for its body
        sender = "", -- the address that these count for
        is_reading = false, -- whether that is not there whole yet
    }
end

-- Begin the record of a request.
local function begin(location)
    local ctx = spare[spares]
    if ctx then
        spare[spares], spares = nil, spares - 1
    else
        ctx = blank()
    end
    ctx.location, ctx.service, ctx.deadline = location, location.service, ngx.now() + location.hold
    ctx.version, ctx.received, ctx.tries, ctx.key, ctx.instance, ctx.late = false, 0, 0, false, "", false
    ctx.room, ctx.is_reading, ctx.returns = false, false, 0
    underway[address()] = ctx
    return ctx
end

local function strip(location)
    if location.strip then
        ngx.var.door_target = match.stripped(location.path, ngx.var.request_uri, ngx.var.uri)
        ngx.var.door_prefix = match.written(location.path)
    end
end

-- Take the body of a request that was admitted, if it is small; whether it is large and to be read whole.
local function take_body(location)
    local is_large = has_large_body()
    if not is_large then
        ngx.req.read_body()
    end
    return is_large and location.buffer
end

-- access phase of a request that comes in; `is_elsewhere` where the location that it came to passes none on
function M.admit(is_elsewhere)
    local host = ngx.var.host
    local location = routes.location(host)
    if not location then
        return pages.refuse(routes.version() and 404 or 503) -- nothing is known yet: what is asked for may well exist
    end
    -- No byte of the body was counted yet: it is read later.
    if location.max_header and tonumber(ngx.var.request_length) > location.max_header then
        return pages.refuse(431, LONG_HEADERS)
    end
    local has_body, is_unusual, is_bad = headers.look(host)
    local may_have_body = has_body or location.max_body and has_body_of_any_length()
    local status = may_have_body and location.max_body and too_large(location.max_body, location.buffer)
    if status then
        return ngx.exit(status) -- by nginx, so that the client is not asked for its body first
    end
    if location.tls or location.hsts then
        scheme.enforce(location)
    end
    if is_bad then
        return pages.refuse(400, BAD_HEADER)
    end
    local ctx = begin(location)
    local is_ready = ready(ctx)
    if has_body and take_body(location) then
        strip(location)
        return ngx.exec("@buffered")
    end
    if not is_ready and not hold(ctx) then
        return give_up()
    end
    if is_unusual or is_elsewhere or location.strip or location.sticky or not interim.is_ready() then
        strip(location)
        interim.leave()
        return ngx.exec("@unusual")
    end
end

-- access phase of a request that was admitted and whose body is to be read first: see Note [Buffered]
function M.buffer()
    local ctx = underway[address()]
    local most = ctx.location.buffer
    local length = not ngx.var.http_transfer_encoding and tonumber(ngx.var.http_content_length)
    if length and length > most then
        return ngx.exit(413)
    end
    local needed, sender = length or MOST_OF_ONE, ngx.var.limited_address
    if not room.take(needed, sender) then
        return pages.refuse(503, NO_ROOM)
    end
    ctx.room, ctx.sender = needed, sender
    ctx.is_reading = true
    ngx.req.read_body() -- nginx answers 413 to one that is larger than any may be
    ctx.is_reading = false
    if (tonumber(ngx.var.content_length) or 0) > most then -- by now that of a chunked one, too
        return ngx.exit(413)
    end
    if not ready(ctx) and not hold(ctx) then
        return give_up()
    end
end

-- Whether the body of this request is being read whole.
function M.is_reading()
    local ctx = underway[address()]
    return ctx ~= nil and ctx.is_reading
end

-- Return the last value of a variable of the upstreams, that of the last one that was tried; in the balancer phase a
-- new one, of which nothing is known yet, follows it.
local function last(name)
    return (ngx.var[name] or ""):match("([^,:%s]+)[:%s]*$")
end

local function repeatable(ctx)
    if ctx.received >= MOST_RECEIVED or (ctx.received > 0 and not IDEMPOTENT[ngx.req.get_method()]) then
        return false
    end
    if ctx.room then
        return ctx.received == 0
    end
    local length = tonumber(ngx.var.http_content_length or 0)
    if ngx.var.http_transfer_encoding or not length then
        return false
    end
    return length == 0 or (ctx.received == 0 and #(ngx.req.get_body_data() or "") == length)
end

-- Whether the endpoint that was tried last ended its connection while a large body was on its way.
local function is_cut()
    local length = tonumber(ngx.var.http_content_length) or 0
    return length > SMALL_BODY and (tonumber(last("upstream_bytes_sent")) or 0) < length
end

-- access phase of a request that failed at the endpoints it tried
function M.readmit()
    local ctx = underway[address()]
    if not ctx then
        return pages.refuse(502)
    end
    M.note_failure(ctx)
    if ctx.late then
        return pages.refuse(504)
    end
    local answered = tonumber(last("upstream_bytes_received")) or 0
    if answered > 0 then
        return pages.refuse(502, answered < MOST_HEADERS and NO_ANSWER or LONG_ANSWER)
    end
    if not repeatable(ctx) then
        return pages.refuse(502, is_cut() and CUT_BODY or nil)
    end
    ctx.returns = ctx.returns + 1
    if ctx.returns > MOST_RETURNS then
        return give_up()
    end
    if not ready(ctx) and not hold(ctx) then
        return give_up()
    end
end

-- The endpoint that was tried last failed: remember what that says of it, and of the request.
function M.note_failure(ctx)
    if not ctx.key then
        return false
    end
    choose.release(ctx.key)
    if ctx.tried == NONE then
        ctx.tried = {}
    end
    ctx.tried[ctx.key] = true
    if last("upstream_connect_time") ~= "-" then -- it was connected
        ctx.received = ctx.received + 1
        ctx.late = last("upstream_status") == "504"
        if not ctx.late then
            choose.put_behind(ctx.key)
        end
    else
        if ctx.refused == NONE then
            ctx.refused = {}
        end
        ctx.refused[ctx.key] = true
        choose.leave_out(ctx.key)
        if last("upstream_status") == "504" then
            choose.suspect_host(ctx.key)
        end
    end
    ctx.key = false
    return true
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
    local ctx = underway[address()]
    local again = M.note_failure(ctx)
    local endpoints, endpoint, key
    if ctx.received < MOST_RECEIVED and not ctx.late then
        endpoints, endpoint, key = taken(ctx, ctx.endpoints, ctx.version)
    end
    if not endpoint then
        return ngx.exit(BUSY)
    end
    if ctx.tries > 0 then
        counts.add("retried")
    end
    ctx.key, ctx.instance, ctx.tries = key, endpoint[4], ctx.tries + 1
    if not again and #endpoints > 1 then
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
    local at = address()
    local ctx = underway[at]
    if not ctx then
        return nil
    end
    if ctx.key then
        choose.release(ctx.key)
    end
    if ctx.room then
        room.give_back(ctx.room, ctx.sender)
    end
    underway[at] = nil
    ctx.location, ctx.endpoints, ctx.tried, ctx.refused = NONE, false, NONE, NONE
    if spares < MOST_SPARE then
        spares = spares + 1
        spare[spares] = ctx
    end
    return ctx
end

return M
