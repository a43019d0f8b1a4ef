-- The version of HTTP that a client speaks.

local M = {}

-- HTTP/1.2 and so on, for which Lua has no number, is to be read like HTTP/1.1 (RFC 9110).
function M.version()
    return ngx.req.http_version() or 1.1
end

return M
