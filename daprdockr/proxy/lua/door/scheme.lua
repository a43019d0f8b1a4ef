-- The wishes of a route about TLS: that no plain request reaches it, that none by TLS does, or that browsers remember.

local pages = require "door.pages"

local CHALLENGES = "/.well-known/acme-challenge/" -- a CA asks for these without TLS (RFC 8555, 8.3)
local TLS = { https = true, wss = true }
local PERMANENT = 308 -- the method and the body stay

local M = { port = "" } -- ":8443" where it is not the usual port

-- Whether the client came by TLS, to us or to a trusted proxy: some say wss where a websocket begins.
function M.is_by_tls()
    local proto = ngx.var.forwarded_proto or ngx.var.scheme -- the former only where some proxies are trusted
    return proto == "https" or TLS[proto:lower()] == true
end

-- access phase, of a route with such a wish
function M.enforce(location)
    if M.is_by_tls() then
        if location.tls == "off" then
            return pages.refuse(404)
        end
        if location.hsts then
            ngx.var.door_hsts = "max-age=" .. location.hsts
        end
    elseif location.tls == "require" and ngx.var.uri:sub(1, #CHALLENGES) ~= CHALLENGES then
        return ngx.redirect("https://" .. ngx.var.host .. M.port .. ngx.var.request_uri, PERMANENT)
    end
end

return M
