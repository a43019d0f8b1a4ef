-- The names of a request's headers. nginx would drop those with unusual characters silently, or pass on any.
--
-- They are read where nginx has them: strings of names and values would cost several times as much.

local base = require "resty.core.base"
local ffi = require "ffi"
require "resty.core.request" -- it declares the functions and the type of C that are used here

local C = ffi.C
local HEADERS = ffi.typeof("ngx_http_lua_ffi_table_elt_t[?]")
local DOT = ("."):byte()

local M = {}

-- Whether a byte may stand in a token (RFC 9110, 5.6.2). Some servers take other characters for spaces, so that such a
-- header could pass for one that we write.
local in_token = ffi.new("bool[256]")
for byte = 0, 255 do
    in_token[byte] = string.char(byte):find("^[!#$%%&'*+.^_`|~0-9A-Za-z-]") ~= nil
end

-- The names that we write, with a dot in them, of which PHP and CGI make _ as of -. Those with _ are removed in
-- nginx.conf, which cannot name dots.
local OURS = [[^(?:X[-_.]Real[-_.]IP|X[-_.]Forwarded[-_.](?:For|Proto|Host|Port|Prefix|Scheme|Ssl)|]]
    .. [[Content[-_.]Length|Transfer[-_.]Encoding)$]]

local truncated = ffi.new("int[1]")
local room = 100
local found = HEADERS(room)

local function is_bad(name, length)
    local has_dot = false
    for i = 0, length - 1 do
        local byte = name[i]
        if not in_token[byte] then
            return true
        end
        has_dot = has_dot or byte == DOT
    end
    return length == 0 or has_dot and ngx.re.find(ffi.string(name, length), OURS, "ijo") ~= nil
end

-- Whether a name is none that HTTP allows, or pretends to be one of ours.
function M.are_bad()
    local request = base.get_request()
    local count = C.ngx_http_lua_ffi_req_get_headers_count(request, 0, truncated)
    if count > room then
        room, found = count, HEADERS(count)
    end
    C.ngx_http_lua_ffi_req_get_headers(request, found, count, 1)
    for i = 0, count - 1 do
        local name = found[i].key
        if is_bad(name.data, name.len) then
            return true
        end
    end
    return false
end

return M
