-- The file in which the agent keeps what was in force last, routes or certificates. An nginx that starts reads it
-- before the agent speaks. It may be of another version, or cut off: then nginx starts without it, and says so once.

local cjson = require "cjson.safe"
local file = require "door.file"

local M = {}

local function has_all(message, parts)
    for _, part in ipairs(parts) do
        if type(message[part]) ~= "table" then
            return false
        end
    end
    return true
end

-- Take over the message in the file, which has these `parts`. `state` has `apply` and `version` as control.lua wants
-- them; `what` is for people.
function M.begin(state, what, path, parts)
    if state.version() then
        return -- nginx was reloaded: the dictionary is still there
    end
    local text, is_there = file.read(path)
    if not is_there then
        return
    end
    local message = cjson.decode(text or "")
    local read, done, why = type(message) == "table" and has_all(message, parts), nil, nil
    if read then
        message.whole, message.version = true, 0
        read, done, why = pcall(state.apply, message)
    end
    if not read then
        ngx.log(ngx.WARN, "the ", what, " in ", path, " cannot be read: waiting for the agent")
    elseif not done then
        ngx.log(ngx.ERR, "the ", what, " in ", path, " do not fit: ", why)
    end
end

return M
