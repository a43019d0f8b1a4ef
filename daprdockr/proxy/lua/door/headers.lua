-- The headers of a request: how long they are, and their names, of which nginx would drop those with unusual characters
-- silently, or pass on any.
--
-- They are read where nginx has them: a table of names and values would cost several times as much. Most requests have
-- names that others had before, so what is known of a name is kept.

local base = require "resty.core.base"
local ffi = require "ffi"
local protocol = require "door.protocol"
require "resty.core.request" -- it declares the functions and the type of C that are used here

local C = ffi.C
local HEADERS = ffi.typeof("ngx_http_lua_ffi_table_elt_t[?]")

local M = {}

-- A byte that may not stand in a token (RFC 9110, 5.6.2). Some servers take such ones for spaces, so that the header
-- could pass for one that we write.
local NO_TOKEN = "[^!#$%%&'*+.^_`|~0-9A-Za-z-]"

-- The names that we write, with a dot in them, of which PHP and CGI make _ as of -. Those with _ are removed in
-- nginx.conf, which cannot name dots.
local OURS = [[^(?:X[-_.]Real[-_.]IP|X[-_.]Forwarded[-_.](?:For|Proto|Host|Port|Prefix|Scheme|Ssl)|]]
    .. [[Content[-_.]Length|Transfer[-_.]Encoding)$]]

local USUAL, OF_BODY, HOST, UPGRADE, BAD = 0, 1, 2, 3, 4
local MOST_KNOWN, LONGEST_KNOWN = 1000, 64

local kinds = {} -- by name
local known = 0

local truncated = ffi.new("int[1]")
local room = 100
local found = HEADERS(room)

local function judge(name)
    local lower = name:lower()
    if lower == "content-length" or lower == "transfer-encoding" then
        return OF_BODY
    end
    if lower == "host" or lower == "upgrade" then
        return lower == "host" and HOST or UPGRADE
    end
    local has_dot = name:find(".", 1, true)
    local is_bad = name == "" or name:find(NO_TOKEN) or has_dot and ngx.re.find(name, OURS, "ijo")
    return is_bad and BAD or USUAL
end

local function learn(name)
    local kind = judge(name)
    if #name > LONGEST_KNOWN then
        return kind
    end
    if known >= MOST_KNOWN then
        kinds, known = {}, 0
    end
    kinds[name], known = kind, known + 1
    return kind
end

-- Have `found` hold the headers of this request; how many there are.
local function find()
    local request = base.get_request()
    local count = C.ngx_http_lua_ffi_req_get_headers_count(request, 0, truncated)
    if count > room then
        room, found = count, HEADERS(count)
    end
    C.ngx_http_lua_ffi_req_get_headers(request, found, count, 1)
    return count
end

-- Whether one of them is that of a body; whether one is Upgrade, or Host with more in it than the name that was routed
-- by; and whether one has a name that HTTP does not allow, or pretends to be ours.
function M.look(host)
    local has_body, is_unusual, is_bad = false, false, false
    for i = 0, find() - 1 do
        local header = found[i]
        local name = ffi.string(header.key.data, header.key.len)
        local kind = kinds[name] or learn(name)
        if kind ~= USUAL then
            has_body, is_bad = has_body or kind == OF_BODY, is_bad or kind == BAD
            is_unusual = is_unusual or kind == UPGRADE or kind == HOST and header.value.len ~= #host
        end
    end
    return has_body, is_unusual, is_bad
end

-- The bytes of the first line and the headers. With HTTP/2 nginx counts them compressed, so they are counted here as an
-- instance gets them.
function M.length()
    if protocol.version() < 2 then
        return tonumber(ngx.var.request_length) -- no byte of the body was counted yet: it is read later
    end
    local length = #ngx.req.get_method() + #ngx.var.request_uri + #"  HTTP/1.1\r\n" + #"\r\n"
    for i = 0, find() - 1 do
        length = length + tonumber(found[i].key.len) + tonumber(found[i].value.len) + #": \r\n"
    end
    return length
end

return M
