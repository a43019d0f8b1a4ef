-- The agent's side of the door, on a unix socket: messages in, the version in force out, of routes or of certificates.
--
-- A message is whole ("whole": true), or holds what differs from version "from". One that does not begin where we are
-- is answered 409 with our version, and the agent sends the whole state. So is a whole one of a version that is not
-- later than ours: a worker that stands still comes to a message after the agent has given up on it and sent another.
-- And while a worker takes a message over no other one begins to, or they would end in a mixture of two.

local choose = require "door.choose"
local cjson = require "cjson.safe"
local counts = require "door.counts"
local routes = require "door.routes"

local M = {}

local marks = ngx.shared.counts
local LONGEST = 10 -- seconds: a worker that was killed leaves its mark behind

local MOST_BUSY = 2000 -- endpoints in one answer, which the agent reads up to 128 KiB

local function answer(status, text)
    ngx.status = status
    ngx.print(text)
    return ngx.exit(ngx.HTTP_OK)
end

local function body()
    ngx.req.read_body()
    local text = ngx.req.get_body_data()
    if text then
        return text
    end
    local path = ngx.req.get_body_file()
    local file = path and io.open(path, "rb")
    if not file then
        return nil
    end
    text = file:read("*a")
    file:close()
    return text
end

local function is_wanted(message, version)
    if message.whole then
        return not version or message.version > version
    end
    return message.from == version
end

local function take_over(state, message)
    local mark = state == routes and "takes routes" or "takes certificates"
    if not marks:add(mark, true, LONGEST) then
        return answer(503, "another message is being taken over")
    end
    if not is_wanted(message, state.version()) then
        marks:delete(mark)
        return answer(409, tostring(state.version() or 0))
    end
    local has_ended, done, why = pcall(state.apply, message)
    marks:delete(mark)
    if not has_ended then
        error(done, 0)
    end
    if not done then
        return answer(507, why)
    end
    return answer(200, tostring(message.version))
end

-- `state` is what takes the messages over: routes.lua unless it is given.
function M.serve(state)
    state = state or routes
    if ngx.req.get_method() == "GET" then
        return answer(200, tostring(state.version() or 0))
    end
    local message = cjson.decode(body() or "")
    if type(message) ~= "table" or type(message.version) ~= "number" then
        return answer(400, "no message")
    end
    return take_over(state, message)
end

-- The endpoints with requests under way, one a line.
function M.busy()
    return answer(200, table.concat(choose.busy(MOST_BUSY), "\n"))
end

-- Answers the counts, a name and a number a line.
function M.counts()
    return answer(200, table.concat(counts.lines(), "\n"))
end

return M
