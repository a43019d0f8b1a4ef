-- The body of a request: how large it may be, and which part of it is read before the request goes on.
--
-- Note [Buffered]: where a route says so, a body is read whole, into memory, before the request goes on: a chunked one
-- then has a length, and a client that sends slowly occupies no instance. Workers cannot write into our directory, so
-- there is no disk to put it on; hence the bounds, for each body here, and for those of a worker together in room.lua.

local hold = require "door.hold"
local pages = require "door.pages"
local protocol = require "door.protocol"
local record = require "door.record"
local room = require "door.room"

local M = {}

local SMALL = 65536 -- bytes: read before the request goes on, so that it can be repeated
local MOST_OF_ONE = 16777216 -- bytes of a body that is read whole: client_max_body_size of its location
local BODILESS = { GET = true, HEAD = true, OPTIONS = true, DELETE = true, TRACE = true }
local NO_ROOM = "too many uploads are under way: try again soon"

-- Whether a body may come of which no header says anything, as HTTP/2 allows.
function M.is_unannounced()
    return protocol.version() >= 2 and not ngx.var.http_content_length
end

-- Whether a body of unknown length may come, with a method that usually has one.
function M.may_have_any_length()
    return M.is_unannounced() and not BODILESS[ngx.req.get_method()]
end

-- The status to refuse a request with whose body is too large, or might be: only the Content-Length of a body bounds it
-- before it was passed on.
function M.too_large(most, is_buffered)
    if ngx.var.http_transfer_encoding or M.may_have_any_length() then
        return not is_buffered and 411 or nil
    end
    return (tonumber(ngx.var.http_content_length) or 0) > most and 413 or nil
end

-- The length of the body by its header; 0 without one.
function M.length()
    return tonumber(ngx.var.http_content_length) or 0
end

-- Whether the header says that the body is larger than what is read before the request goes on.
function M.is_long()
    return M.length() > SMALL
end

-- Read the body, if it is known to be small; whether it is not, and is to be read whole. One of unknown length may not
-- end.
function M.take(location)
    local is_large = ngx.var.http_transfer_encoding ~= nil or M.is_long() or M.may_have_any_length()
    if not is_large then
        ngx.req.read_body()
    end
    return is_large and location.buffer
end

-- Let a request whose body was read go on. It waits in another location, because nginx watches from the moment in which
-- a request comes to a location whether its client has left, but not while it reads a body there. That counts as a
-- return, because nginx sends a request on only so many times: see Note [What is repeated] in again.lua.
local function go_on(ctx)
    if not hold.ready(ctx) then
        ctx.returns = ctx.returns + 1
        return ngx.exec("@held")
    end
end

-- Read the body whole, and refuse one of more than `most` bytes.
local function read(ctx, most)
    ctx.is_reading = true
    local is_read = pcall(ngx.req.read_body) -- nginx answers 413 to one that is larger than any may be
    ctx.is_reading = false
    if not is_read then -- versions 0.10.25 and 0.10.26 of nginx's Lua module read none without a length by HTTP/2
        return ctx.room and ngx.exit(411) or go_on(ctx)
    end
    if (tonumber(ngx.var.content_length) or 0) > most then -- by now that of a body without a length, too
        return ngx.exit(413)
    end
    return go_on(ctx)
end

-- access phase of a request that was admitted and whose body is to be read first: see Note [Buffered]
function M.buffer()
    local ctx = record.present()
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
    return read(ctx, most)
end

-- access phase of a request that was admitted, with a method that seldom has a body, and of which no header says
-- whether it has one. Most have none, and cost no room.
function M.find()
    local ctx = record.present()
    return read(ctx, ctx.location.max_body or ctx.location.buffer)
end

-- Whether the body of this request is being read whole.
function M.is_reading()
    local ctx = record.present()
    return ctx ~= nil and ctx.is_reading
end

return M
