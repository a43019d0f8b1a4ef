-- The fields of the access log that nginx cannot fill in itself, for one request. Numbers are written without quotes,
-- so they are `null` rather than empty.

local M = {}

-- Bytes that are no ASCII would make a line that is no UTF-8, and so no JSON; nginx escapes the others.
local function plain(text)
    return (text or ""):gsub("[\128-\255]", function(byte)
        return ("%%%02X"):format(byte:byte())
    end)
end

-- The time that instances took, those of all tries together; nil if none was tried.
local function at_instances()
    local sum
    for seconds in (ngx.var.upstream_response_time or ""):gmatch("%d+%.%d+") do
        sum = (sum or 0) + tonumber(seconds)
    end
    return sum
end

-- log phase; `ctx` is nil for a request that came to no service.
function M.describe(ctx)
    local var, now, seconds = ngx.var, ngx.now(), at_instances()
    var.log_time = os.date("!%Y-%m-%dT%H:%M:%S", now) .. (".%03dZ"):format(now % 1 * 1000)
    var.log_host, var.log_path = plain(var.host), plain(var.request_uri)
    var.log_service, var.log_instance = ctx and ctx.service or "", ctx and ctx.instance or ""
    var.log_instance_seconds = seconds and ("%.3f"):format(seconds) or "null"
    var.log_tries = ctx and ctx.tries or 0
end

return M
