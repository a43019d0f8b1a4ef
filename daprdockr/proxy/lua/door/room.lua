-- The memory of this worker for bodies that are read whole. Bodies of one address take half of it at most, or a few
-- clients that send slowly would keep all others out; an address of "" speaks for many clients.

local M = {}

local MOST, MOST_OF_ADDRESS = 268435456, 134217728 -- bytes

local taken = 0
local taken_by = {} -- by address; none is 0

-- Count so many bytes for an address; whether there is as much.
function M.take(bytes, address)
    local by_address = taken_by[address] or 0
    if taken + bytes > MOST or (address ~= "" and by_address + bytes > MOST_OF_ADDRESS) then
        return false
    end
    taken, taken_by[address] = taken + bytes, by_address + bytes
    return true
end

function M.give_back(bytes, address)
    local left = taken_by[address] - bytes
    taken, taken_by[address] = taken - bytes, left > 0 and left or nil
end

return M
