-- Which endpoint the cookie of a client names, and the cookie that brings the client back.
--
-- The cookie holds a mark of the endpoint, which every node makes alike. So instances that come and go move no client
-- of another one. A client whose endpoint is gone, or takes no connection, goes to the one that ranks first for its
-- mark (rendezvous hashing), whichever node it asks and however many requests it sends at once, and gets the mark of
-- that one.

local match = require "door.match"
local scheme = require "door.scheme"

local M = {}

local LENGTH = 16
local LONGEST_VALUE = 64

-- Endpoints are kept by routes.lua as long as they do not change, and their marks with them.
local function mark(endpoint, service)
    if not endpoint.mark then
        endpoint.mark = ngx.md5(("%s %s:%s"):format(service, endpoint[1], endpoint[2])):sub(1, LENGTH)
    end
    return endpoint.mark
end

local function value_of(name)
    local value = ngx.var["cookie_" .. name]
    return value and value ~= "" and value:sub(1, LONGEST_VALUE) or nil
end

-- A function that gives an endpoint its rank for this client, the largest first; nil where any will do.
function M.ranks(name, service)
    local value = value_of(name)
    if not value then
        return nil
    end
    return function(endpoint)
        local own = mark(endpoint, service)
        return own == value and "~" or ngx.md5(value .. own) -- "~" is above all digits and letters
    end
end

-- Have the client come back to this endpoint.
function M.remember(location, endpoint)
    local own = mark(endpoint, location.service)
    if own == value_of(location.sticky) then
        ngx.var.door_cookie = ""
        return
    end
    local secure = scheme.is_by_tls() and "; Secure" or ""
    local path = match.written(location.path)
    ngx.var.door_cookie = ("%s=%s; Path=%s; HttpOnly; SameSite=Lax%s"):format(location.sticky, own, path, secure)
end

return M
