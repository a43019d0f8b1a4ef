-- The answer to a challenge of an ACME server (RFC 8555, 8.3): the token that was asked for, and the thumbprint of the
-- account. It is the same on every node and needs no knowledge of any order, so the server may ask any of them.

local routes = require "door.routes"

local M = {}

local PLACE = "^/%.well%-known/acme%-challenge/([%w_-]+)$"
local LONGEST_TOKEN = 128
local DOT = 46

-- access phase: answer a challenge, unless challenges are the business of services; go on with anything else.
function M.answer(uri)
    if uri:byte(2) ~= DOT then
        return
    end
    local thumbprint = routes.thumbprint()
    local token = thumbprint and uri:match(PLACE)
    if not token or #token > LONGEST_TOKEN then
        return
    end
    ngx.header["Content-Type"] = "application/octet-stream"
    ngx.print(token, ".", thumbprint)
    return ngx.exit(ngx.HTTP_OK)
end

return M
