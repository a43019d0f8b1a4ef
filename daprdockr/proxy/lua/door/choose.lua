-- Which endpoint a request goes to: the one that ranks first for its client, where a route ranks them; otherwise the
-- one with the fewest requests of this worker under way; of equal ones one on this node, then the next in turn. An
-- endpoint to which no connection could be made is left out for a while, unless no other is left; an answer that was
-- cut short or came late says nothing of the endpoint.

-- Note [Requests under way]: beside the count of this worker, by which it chooses, there is one of all workers in a
-- shared dictionary. An endpoint is counted before it is certain that the request goes there (request.lua), so that
-- the agent, when it has taken an endpoint out of the routes and then finds the count at zero, knows that no request
-- is or comes there. A worker that was killed leaves its counts behind, which only delays the end of an instance.

local under_way = ngx.shared.under_way

local M = {}

local LEFT_OUT = 2 -- seconds

local busy = {}
local failed = {}
local turn = 0

-- An endpoint is {address, port, local}.
local function place(endpoint)
    return endpoint[1] .. ":" .. endpoint[2]
end

local function better(one, other)
    if one.rank ~= other.rank then
        return one.rank > other.rank
    end
    if one.busy ~= other.busy then
        return one.busy < other.busy
    end
    return one.near and not other.near
end

local function best(endpoints, skipped, ranks, also_failed)
    local found
    local count, now = #endpoints, ngx.now()
    turn = turn + 1
    for i = 1, count do
        local endpoint = endpoints[(turn + i) % count + 1]
        local key = place(endpoint)
        if not skipped[key] and (also_failed or (failed[key] or 0) < now) then
            local candidate = { endpoint = endpoint, key = key, busy = busy[key] or 0, near = endpoint[3] }
            candidate.rank = ranks and ranks(endpoint)
            if not found or better(candidate, found) then
                found = candidate
            end
        end
    end
    return found
end

-- Choose one that this request did not try yet; nil when there is none. `ranks` may give each of them its rank.
function M.take(endpoints, tried, ranks)
    local found = best(endpoints, tried, ranks, false) or best(endpoints, tried, ranks, true)
    if not found then
        return nil
    end
    busy[found.key] = found.busy + 1
    under_way:incr(found.key, 1, 0)
    return found.endpoint, found.key
end

function M.release(key)
    local left = (busy[key] or 1) - 1
    busy[key] = left > 0 and left or nil
    under_way:incr(key, -1)
end

-- The endpoints with requests of any worker under way, at most so many.
function M.busy(most)
    local found = {}
    for _, key in ipairs(under_way:get_keys(0)) do
        if #found < most and (under_way:get(key) or 0) > 0 then
            found[#found + 1] = key
        end
    end
    return found
end

-- No connection could be made to it.
function M.leave_out(key)
    failed[key] = ngx.now() + LEFT_OUT
end

-- Whether there is an endpoint that this request did not try yet.
function M.any(endpoints, tried)
    for _, endpoint in ipairs(endpoints) do
        if not tried[place(endpoint)] then
            return true
        end
    end
    return false
end

return M
