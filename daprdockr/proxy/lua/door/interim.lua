-- Interim answers (1xx), which an instance may send before its answer.
--
-- nginx before 1.29 takes one for the answer: it sends its head, and what follows as its body, which is the answer as
-- it is. A client reads that rightly. But nginx does not see where it ends, and takes the client's next request only
-- when the instance closes its connection. So we add to the answer that the connection is to be closed. With HTTP/2 a
-- client could read nothing of that: the request is refused with a page that says why.
--
-- Note [Answers of others]: nginx sends no body to HEAD, so the client would wait for the answer in vain. Moreover
-- nginx would take the connection to the instance as free while the answer is still to come, and pass that answer to
-- the next request on it, of any client. Both also happen if an interim answer has a Content-Length. So these are
-- refused, too, and the connection is cut.
--
-- Note [Diverted]: only a body filter can do that, and Lua in one costs every answer two calls. So the location for
-- most requests has a filter of headers instead, which costs one, and gives an interim answer to the configuration of
-- another location, with the body filter: it changes `loc_conf` of nginx's record of the request, as nginx does when it
-- finds a location. The beginning of that record has been the same for all versions that have Lua, and a worker checks
-- it before it relies on it: it sends a request to that other location first, and sees that nginx changed this member
-- and no other. Until that is so, all requests go there.

local base = require "resty.core.base"
local ffi = require "ffi"
local inside = require "door.inside"
local protocol = require "door.protocol"
local record = require "door.record"
require "resty.core.misc" -- it declares the function for the status

local C = ffi.C

local M = {}

local MOST_HEADERS = 65536
local UPGRADE_REQUIRED = 426
local LEAST = 100 -- the status of an answer of HTTP

local before = nil -- what a request was like that was sent to the other location
local filtered = nil -- loc_conf there, once it is known

-- Whether interim answers are handled for a request that stays in the location for most requests.
function M.is_ready()
    return filtered ~= nil
end

-- Remember a request that is now sent to another location, which has the body filter.
function M.leave()
    if filtered then
        return
    end
    local request = inside.request()
    before = { request = request, main = request.main_conf, server = request.srv_conf, location = request.loc_conf }
end

-- See where the request that was remembered has come to.
local function arrive(request)
    if not before or before.request ~= request or not inside.is_sound(request) then
        return
    end
    local is_alike = before.main == request.main_conf and before.server == request.srv_conf
    if is_alike and before.location ~= request.loc_conf then
        filtered = request.loc_conf
    end
    before = nil
end

local function status_of_answer()
    return C.ngx_http_lua_ffi_get_resp_status(base.get_request())
end

local function is_interim(found)
    return found < 200 and found ~= 101
end

-- Whether an interim answer can pass: see Note [Answers of others].
local function can_pass()
    return protocol.version() < 2 and ngx.req.get_method() ~= "HEAD" and not ngx.var.upstream_http_content_length
end

-- header filter phase: have again.lua answer a request if its interim answer cannot pass, or if what comes is not HTTP,
-- which nginx would pass on as it is
function M.refuse()
    local found = status_of_answer()
    if found < LEAST then
        return ngx.exit(502)
    end
    local ctx = is_interim(found) and not can_pass() and record.present()
    if ctx then
        inside.cut_instance()
        ctx.is_interim = true
        return ngx.exit(502)
    end
end

-- header filter phase: see Note [Diverted]. The other location also has the headers for an Upgrade that is required.
function M.divert()
    local found = status_of_answer()
    if is_interim(found) or found == UPGRADE_REQUIRED then
        if filtered then
            inside.request().loc_conf = filtered
        end
        return M.refuse()
    end
end

local function closing(head)
    local kept = head:gsub("\r\n[Cc][Oo][Nn][Nn][Ee][Cc][Tt][Ii][Oo][Nn]:[^\r\n]*", "")
    return kept .. "\r\nConnection: close"
end

-- Rewrite the bytes that came so far; also returns the rest that needs what comes next, nil at the end of all heads.
local function rewrite(text)
    local start = 1
    while true do
        local status = text:match("^HTTP/1%.%d (%d%d%d)", start)
        local behind = text:find("\r\n\r\n", start, true)
        if not behind and #text - start < MOST_HEADERS then
            return text:sub(1, start - 1), text:sub(start)
        end
        if not behind or not status then
            return text
        end
        if tonumber(status) >= 200 then
            return text:sub(1, start - 1) .. closing(text:sub(start, behind - 1)) .. text:sub(behind)
        end
        start = behind + 4
    end
end

-- body filter phase
function M.pass()
    if not filtered then
        arrive(inside.request())
    end
    if ngx.status >= 200 or ngx.status == 101 or ngx.ctx.after_interim then
        return
    end
    local passed, rest = rewrite((ngx.ctx.interim_rest or "") .. ngx.arg[1])
    if rest and ngx.arg[2] then
        passed, rest = passed .. rest, nil
    end
    ngx.arg[1], ngx.ctx.interim_rest, ngx.ctx.after_interim = passed, rest, not rest
end

return M
