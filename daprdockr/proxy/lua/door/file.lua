-- A whole file, read by nginx's master as it starts.

local M = {}

-- The content, nil if it cannot be read; and whether there is such a file.
function M.read(path)
    local file = io.open(path, "rb")
    if not file then
        return nil, false
    end
    local text = file:read("*a")
    file:close()
    return text, true
end

return M
