-- The counts of all workers together since nginx was started: of nothing that happens to every request.

local counted = ngx.shared.counts

local M = {}

local NAMES = { "held", "retried", "unserved", "paused" }

function M.add(name)
    counted:incr(name, 1, 0)
end

function M.lines()
    local lines = {}
    for _, name in ipairs(NAMES) do
        lines[#lines + 1] = name .. " " .. (counted:get(name) or 0)
    end
    return lines
end

return M
