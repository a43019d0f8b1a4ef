-- Which location of a host name a request belongs to, and what is left of its path below it.
--
-- A location's path is compared with ngx.var.uri: nginx decoded it, merged its slashes and resolved its dot segments.
-- It ends where a segment ends: /api is the beginning of /api/x and of no /apix. The cost grows with the segments of
-- the longest path known, not with the number of locations.

local M = {}

-- Return the locations by path, how many segments the longest has, and the one that gets every path, if it is so.
function M.index(locations)
    local index = { by_path = {}, segments = 0 }
    if type(locations) ~= "table" then
        return index
    end
    for _, location in ipairs(locations) do
        local path = location.path
        index.by_path[path] = location
        if path ~= "/" then
            local _, segments = path:gsub("/", "")
            index.segments = math.max(index.segments, segments)
        end
    end
    index.anything = index.segments == 0 and index.by_path["/"] or nil
    return index
end

-- Return the location with the longest path that `path` is below; nil when there is none.
function M.find(index, path)
    local found = index.by_path["/"]
    local segment = 1
    for _ = 1, index.segments do
        local slash = path:find("/", segment + 1, true)
        found = index.by_path[path:sub(1, (slash or 0) - 1)] or found
        if not slash then
            break
        end
        segment = slash
    end
    return found
end

local function encoded(byte)
    return ("%%%02X"):format(byte:byte())
end

local function decoded(digits)
    return string.char(tonumber(digits, 16))
end

-- Return the path of a location as it stands in a URL or a header.
function M.written(path)
    return (path:gsub("[^%w/._~!$&'()*+,=:@-]", encoded))
end

-- Return the target of a request without the beginning `prefix`. The rest is as the client wrote it, byte for byte; but
-- if the client wrote slashes or dot segments that nginx resolved, the rest is of the path as nginx normalized it:
-- without its beginning, //host or /../x would mean something else.
function M.stripped(prefix, target, normal)
    local path, query = target:match("^([^?]*)(.*)$")
    local beginning = M.written(prefix)
    local rest = path:sub(#beginning + 1)
    if path:sub(1, #beginning) == beginning and (rest == "" or rest:sub(1, 1) == "/") then
        if rest:gsub("%%(%x%x)", decoded) == normal:sub(#prefix + 1) then
            return (rest == "" and "/" or rest) .. query
        end
    end
    rest = normal:sub(#prefix + 1)
    return (rest == "" and "/" or M.written(rest)) .. query
end

return M
