-- The certificate of each handshake, by the name that the client asks for, and the key of session tickets.
--
-- The shared dictionary holds names, pairs and the key as the agent sent them. A pair is called by its digest, so what
-- a worker has parsed stays right as long as it is asked for: a replaced certificate is another pair, and in force
-- with the next handshake.
--
-- Note [Tickets]: nginx reads the keys of tickets from files, and those only when it reads its configuration; a reload
-- every day would cut websockets. So OpenSSL is given the key here, as each worker first sees it, before the handshake
-- opens a ticket. nginx also marks sessions with its own certificate, which differs from node to node; this mark is
-- replaced by one that all nodes share.

local base = require "resty.core.base"
local cjson = require "cjson.safe"
local ffi = require "ffi"
local seed = require "door.seed"
local ssl = require "ngx.ssl"

ffi.cdef [[
void *ngx_http_lua_ffi_get_req_ssl_pointer(void *r);
void *SSL_get_SSL_CTX(const void *ssl);
long SSL_CTX_ctrl(void *ctx, int cmd, long larg, void *parg);
int SSL_CTX_set_session_id_context(void *ctx, const char *mark, unsigned int length);
int SSL_set_session_id_context(void *ssl, const char *mark, unsigned int length);
]]

local C = ffi.C
local SET_TICKET_KEYS = 59 -- SSL_CTRL_SET_TLSEXT_TICKET_KEYS of OpenSSL
local KEY_LENGTH = 80
local MARK = "daprdockr"
local MOST_PARSED = 1000 -- pairs that a worker keeps

local dict = ngx.shared.certificates

local parsed, count = {}, 0
local ticket -- the key that OpenSSL has

local M = {}

function M.version()
    return dict:get("version")
end

local function parse(id)
    local pair = cjson.decode(dict:get("p/" .. id) or "null")
    if type(pair) ~= "table" then
        return nil, "it is not known"
    end
    local chain, why = ssl.parse_pem_cert(pair.chain)
    if not chain then
        return nil, why
    end
    local key
    key, why = ssl.parse_pem_priv_key(pair.key)
    return key and { chain = chain, key = key }, why
end

local function usable(id)
    local pair = parsed[id]
    if pair then
        return pair
    end
    local why
    pair, why = parse(id)
    if not pair then
        ngx.log(ngx.ERR, "the certificate ", id, " cannot be used: ", why)
        return nil
    end
    if count >= MOST_PARSED then
        parsed, count = {}, 0
    end
    parsed[id], count = pair, count + 1
    return pair
end

-- The pair for a name: its own, that of `*.` for its first label, or the one for all other names.
local function find(name)
    if name then
        name = name:lower()
        local rest = name:match("^[^.]+(%..+)$")
        local id = dict:get("n/" .. name) or rest and dict:get("n/*" .. rest)
        if id then
            return id
        end
    end
    return dict:get("n/")
end

-- certificate phase; a handshake for which there is no certificate fails
function M.choose()
    local id = find(ssl.server_name())
    local pair = id and usable(id)
    if not pair then
        return ngx.exit(ngx.ERROR)
    end
    ssl.clear_certs()
    local done, why = ssl.set_cert(pair.chain)
    if done then
        done, why = ssl.set_priv_key(pair.key)
    end
    if not done then
        ngx.log(ngx.ERR, "the certificate ", id, " cannot be used: ", why)
        return ngx.exit(ngx.ERROR)
    end
end

local function bytes(hex)
    return (hex:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end))
end

-- client hello phase: see Note [Tickets]
function M.hello()
    local wanted = dict:get("ticket")
    if wanted == ticket or type(wanted) ~= "string" then -- nginx has a key of its own
        return
    end
    local key = bytes(wanted)
    local connection = C.ngx_http_lua_ffi_get_req_ssl_pointer(base.get_request())
    if connection == nil or #key ~= KEY_LENGTH then
        return
    end
    local context = C.SSL_get_SSL_CTX(connection)
    C.SSL_CTX_ctrl(context, SET_TICKET_KEYS, KEY_LENGTH, ffi.cast("void *", ffi.cast("const char *", key)))
    C.SSL_CTX_set_session_id_context(context, MARK, #MARK)
    C.SSL_set_session_id_context(connection, MARK, #MARK)
    ticket = wanted
end

local function set(key, value)
    if value == cjson.null then
        dict:delete(key)
        return true
    end
    return dict:safe_set(key, type(value) == "table" and cjson.encode(value) or value)
end

local function set_all(prefix, entries, is_gone)
    for name, value in pairs(entries) do
        if (value == cjson.null) == is_gone then
            local done, why = set(prefix .. name, value)
            if not done then
                return nil, why
            end
        end
    end
    return true
end

local function forget_others(message)
    for _, key in ipairs(dict:get_keys(0)) do
        local entries = ({ ["n/"] = message.names, ["p/"] = message.pairs })[key:sub(1, 2)]
        if entries and not entries[key:sub(3)] then
            dict:delete(key)
        end
    end
end

-- Pairs come before the names that lead to them.
local function take(message)
    local done, why = set_all("p/", message.pairs, false)
    for _, is_gone in ipairs({ false, true }) do
        if done then
            done, why = set_all("n/", message.names, is_gone)
        end
    end
    if done and message.ticket then
        done, why = dict:safe_set("ticket", message.ticket)
    end
    return done, why
end

-- Remove what the message has no more.
local function forget(message)
    set_all("n/", message.names, true)
    set_all("p/", message.pairs, true)
    if message.whole then
        forget_others(message)
    end
end

-- Take over a message of the agent. No pair goes before its names, unless the room of what goes is needed at once.
function M.apply(message)
    local done, why = take(message)
    forget(message)
    if not done then
        done, why = take(message)
    end
    if not done then
        return nil, why
    end
    dict:set("version", message.version)
    return true
end

-- Begin with what the agent wrote to a file in memory: a restarted nginx has certificates before the agent speaks.
function M.seed(path)
    seed.begin(M, "certificates", path, { "names", "pairs" })
end

return M
