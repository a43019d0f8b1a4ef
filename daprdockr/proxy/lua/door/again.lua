-- A request that failed at an endpoint: what that says of the endpoint, and whether another one gets the request.
--
-- Note [What is repeated]: nginx repeats a request on a second endpoint when nothing of it was sent or its method is
-- idempotent (proxy_next_upstream), and so on until each endpoint was tried. It takes all methods but POST, PATCH and
-- LOCK for idempotent ones; we those of RFC 9110, and those of WebDAV that only read. When all have failed it comes
-- back through error_page and waits for an endpoint that it did not try, as long as its service holds requests
-- (hold.lua). A new list of endpoints counts as untried: a container that was started anew may listen where the old one
-- did. A request with a body comes back only if no endpoint received any of it and we have all of it: nginx reads the
-- rest only once, and of a call by gRPC it never says whether it has read all. No more than two endpoints receive the
-- same request, which may be what ends them; and only one that lets the route's timeout pass, for the other might do
-- the same, and work on it twice as long. nginx sends a request on to another location ten times, and answers by a page
-- of its own then; so one that has come back eight times waits no more.

local body = require "door.body"
local choose = require "door.choose"
local hold = require "door.hold"
local pages = require "door.pages"
local record = require "door.record"

local M = {}

local MOST_RETURNS = 8 -- of one request: see Note [What is repeated]
local MOST_RECEIVED = 2 -- endpoints that may get the same request: it may be what ends them
local MOST_HEADERS = 65536 -- bytes of an answer's headers: proxy_buffer_size
local IDEMPOTENT = { GET = true, HEAD = true, OPTIONS = true, PUT = true, DELETE = true, TRACE = true,
    PROPFIND = true, REPORT = true, SEARCH = true }

local NO_ANSWER = "the instance of this service broke its answer off, or answered with something other than HTTP"
local NO_CALL = "the instance of this service broke its answer off, or speaks no gRPC (HTTP/2 without TLS)"
local CUT_BODY = "the instance of this service ended the connection before it had taken the whole body"
local INTERIM = "the instance of this service sends interim answers (such as 103), which cannot pass by HTTP/2, to "
    .. "HEAD, or with a Content-Length"
local LONG_ANSWER = "the headers of the answer are larger than 64 KiB"

local NONE = record.NONE

-- Return the last value of a variable of the upstreams, that of the last one that was tried; in the balancer phase a
-- new one, of which nothing is known yet, follows it.
local function last(name)
    return (ngx.var[name] or ""):match("([^,:%s]+)[:%s]*$")
end

-- Whether another endpoint may get the request, after those that did.
function M.is_allowed(ctx)
    if ctx.received == 0 then
        return true
    end
    return ctx.received < MOST_RECEIVED and not ctx.late and IDEMPOTENT[ngx.req.get_method()] == true
end

local function repeatable(ctx)
    if ctx.location.grpc or not M.is_allowed(ctx) then
        return false
    end
    if ctx.room then
        return ctx.received == 0
    end
    local length = tonumber(ngx.var.content_length) or 0 -- also of a body that came without one, and was read whole
    return length == 0 or (ctx.received == 0 and #(ngx.req.get_body_data() or "") == length)
end

-- Whether the endpoint that was tried last ended its connection while a large body was on its way.
local function is_cut()
    return body.is_long() and (tonumber(last("upstream_bytes_sent")) or 0) < body.length()
end

-- Remember what the failure of the endpoint that was tried last says of it, and of the request; whether one was tried.
function M.note(ctx)
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
        if not ctx.late and not ctx.is_interim then
            choose.put_behind(ctx.key)
        end
    else
        choose.leave_out(ctx.key)
        if last("upstream_status") == "504" then
            choose.suspect_host(ctx.key)
        end
    end
    ctx.key = false
    return true
end

-- access phase of a request that failed at the endpoints it tried; `is_unread` where its body has no length, and nginx
-- has not read all of it
function M.readmit(is_unread)
    local ctx = record.present()
    if not ctx then
        return pages.refuse(502)
    end
    M.note(ctx)
    if ctx.late then
        return pages.refuse(504)
    end
    if ctx.is_interim then
        return pages.refuse(502, INTERIM)
    end
    local answered = tonumber(last("upstream_bytes_received")) or 0
    if answered > 0 then
        local why = ctx.location.grpc and NO_CALL or NO_ANSWER
        return pages.refuse(502, answered < MOST_HEADERS and why or LONG_ANSWER)
    end
    if is_unread or not repeatable(ctx) then
        return pages.refuse(502, is_cut() and CUT_BODY or nil)
    end
    ctx.returns = ctx.returns + 1
    if ctx.returns > MOST_RETURNS then
        return hold.give_up()
    end
    return hold.wait_or_give_up()
end

return M
