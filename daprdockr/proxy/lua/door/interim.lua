-- Interim answers (1xx), which an instance may send before its answer.
--
-- nginx before 1.29 takes one for the answer: it sends its head, and what follows as its body, which is the answer as
-- it is. A client reads that rightly. But nginx does not see where it ends, and takes the client's next request only
-- when the instance closes its connection. So we add to the answer that the connection is to be closed.

local M = {}

local MOST_HEADERS = 65536

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
