-- Which endpoint a request goes to: the one that ranks first for its client, where a route ranks them; otherwise the
-- one with the fewest requests of this worker under way; of equal ones one on this node, then the next in turn. An
-- endpoint to which no connection could be made is left out for a while, unless no other is left. One that broke a
-- connection may be fine, as the request may be to blame; but one that breaks them all would always have the fewest
-- requests, so others go before it for a while. An endpoint that does not even refuse a connection may be on a host
-- that is away, with others: those at other addresses go before them for a while, so that a request seldom waits for
-- two of one host in turn. An answer that came late says nothing of the endpoint.

-- Note [Requests under way]: a worker counts the requests to each endpoint, and chooses by that; a shared dictionary
-- has the number of workers that count any. An endpoint is counted before it is certain that the request goes there
-- (request.lua), so that the agent, when it has taken an endpoint out of the routes and then finds that number at zero,
-- knows that no request is or comes there. A worker that was killed leaves its counts behind, which only delays the end
-- of an instance. A dictionary that is full drops what nobody read for longest, so a worker reads the numbers of its
-- endpoints now and then.

local under_way = ngx.shared.under_way

local M = {}

local LEFT_OUT = 2 -- seconds
local PUT_BEHIND = 2 -- seconds, also for the others of a host
local READ_AGAIN = 256 -- requests until the number of an endpoint is read again

local busy = {}
local failed = {}
local broke = {}
local silent = {} -- by address
local trouble = 0 -- until then, some endpoint is left out or put behind
local turn = 0

-- An endpoint is {address, port, local, name of the instance}.
local function place(endpoint)
    local key = endpoint.key
    if not key then
        key = endpoint[1] .. ":" .. endpoint[2]
        endpoint.key = key -- the list stays until another one replaces it
    end
    return key
end

local function is_in(entries, key)
    return (entries[key] or 0) >= ngx.now()
end

-- Whether one goes before another: no table is made for either, for this is done for each request.
local function goes_before(endpoint, key, rank, other, other_key, other_rank)
    if rank ~= other_rank then
        return rank > other_rank
    end
    if trouble ~= 0 and is_in(silent, endpoint[1]) ~= is_in(silent, other[1]) then
        return is_in(silent, other[1])
    end
    if trouble ~= 0 and is_in(broke, key) ~= is_in(broke, other_key) then
        return is_in(broke, other_key)
    end
    local load, other_load = busy[key] or 0, busy[other_key] or 0
    if load ~= other_load then
        return load < other_load
    end
    return endpoint[3] and not other[3]
end

-- The better one of `found`, which may be nil, and an endpoint.
local function better(found, endpoint, skipped, ranks, also_failed)
    local key = place(endpoint)
    if skipped[key] or trouble ~= 0 and not also_failed and is_in(failed, key) then
        return found
    end
    if not found then
        return endpoint
    end
    local rank, other_rank = ranks and ranks(endpoint), ranks and ranks(found)
    local goes_first = goes_before(endpoint, key, rank, found, place(found), other_rank)
    return goes_first and endpoint or found
end

-- Without a loop for up to four: see Note [Compiled] in request.lua.
local function best(endpoints, skipped, ranks, also_failed)
    local count = #endpoints
    turn = turn + 1
    local found = count > 0 and better(nil, endpoints[turn % count + 1], skipped, ranks, also_failed) or nil
    if count > 1 then
        found = better(found, endpoints[(turn + 1) % count + 1], skipped, ranks, also_failed)
    end
    if count > 2 then
        found = better(found, endpoints[(turn + 2) % count + 1], skipped, ranks, also_failed)
    end
    if count > 3 then
        found = better(found, endpoints[(turn + 3) % count + 1], skipped, ranks, also_failed)
    end
    for i = 4, count - 1 do
        found = better(found, endpoints[(turn + i) % count + 1], skipped, ranks, also_failed)
    end
    return found
end

local function forget_trouble()
    failed, broke, silent, trouble = {}, {}, {}, 0
end

local function count(key)
    local load = busy[key] or 0
    busy[key] = load + 1
    if load == 0 then
        under_way:incr(key, 1, 0)
    elseif turn % READ_AGAIN == 0 then
        under_way:get(key)
    end
end

-- Choose one that this request did not try yet; nil when there is none. `ranks` may give each of them its rank.
function M.take(endpoints, tried, ranks)
    if trouble ~= 0 and trouble < ngx.now() then
        forget_trouble()
    end
    local endpoint = best(endpoints, tried, ranks, false) or best(endpoints, tried, ranks, true)
    if not endpoint then
        return nil
    end
    local key = place(endpoint)
    count(key)
    return endpoint, key
end

function M.release(key)
    local left = busy[key] - 1
    busy[key] = left > 0 and left or nil
    if left == 0 then
        under_way:incr(key, -1)
    end
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
    trouble = math.max(trouble, failed[key])
end

-- An attempt to connect to it was not even refused.
function M.suspect_host(key)
    local address = key:match("^(.*):")
    silent[address] = ngx.now() + PUT_BEHIND
    trouble = math.max(trouble, silent[address])
end

-- It ended a connection without an answer.
function M.put_behind(key)
    broke[key] = ngx.now() + PUT_BEHIND
    trouble = math.max(trouble, broke[key])
end

-- The endpoints, by key, if all of them are left out; nil if one is not.
function M.all_left_out(endpoints)
    if trouble < ngx.now() then
        return nil
    end
    local found = {}
    for _, endpoint in ipairs(endpoints) do
        local key = place(endpoint)
        if not is_in(failed, key) then
            return nil
        end
        found[key] = true
    end
    return found
end

-- Whether there is an endpoint that this request, which has tried some, did not try yet.
function M.any(endpoints, tried)
    for _, endpoint in ipairs(endpoints) do
        if not tried[place(endpoint)] then
            return true
        end
    end
    return false
end

return M
