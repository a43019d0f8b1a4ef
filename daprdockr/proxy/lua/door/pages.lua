-- The answer to a client when no instance answers it: a small page for browsers, one line for everybody else. Files of
-- the operator take their place.

local file = require "door.file"
local protocol = require "door.protocol"

local M = {}

local TITLES = {
    [400] = "Bad request",
    [403] = "Forbidden",
    [404] = "Not found",
    [405] = "Method not allowed",
    [408] = "Request timeout",
    [411] = "Length required",
    [413] = "Content too large",
    [414] = "URI too long",
    [429] = "Too many requests",
    [431] = "Request header fields too large",
    [500] = "Internal server error",
    [501] = "Not implemented",
    [502] = "Bad gateway",
    [503] = "Service unavailable",
    [504] = "Gateway timeout",
    [505] = "HTTP version not supported",
}

local REASONS = {
    [400] = "this is no HTTP request that can be passed on",
    [403] = "this is not allowed",
    [404] = "no service has this host name and path",
    [405] = "this method is not passed on",
    [408] = "the request did not come in time",
    [411] = "this service takes no body without a Content-Length",
    [413] = "the body of this request is larger than this service takes",
    [414] = "the URL is longer than 64 KiB",
    [429] = "too many requests of this address are under way",
    [431] = "the headers of the request are larger than 64 KiB",
    [500] = "the request could not be passed on",
    [501] = "this transfer encoding is not passed on",
    [502] = "the instance of this service did not answer",
    [503] = "no instance of this service is healthy",
    [504] = "the instance of this service did not answer in time",
    [505] = "this version of HTTP is not passed on",
}

local TINY_CHUNKS = "the body of this request comes in so small chunks that they take more room than it"
local NO_TLS = "this port speaks TLS: the URL has to begin with https://"
local WITHOUT_TLS = 497 -- nginx's code for a plain request on a port for TLS
local UNDER_MAINTENANCE = "this service is under maintenance"

local COME_BACK = { [429] = true, [503] = true }

local HTML = [[
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>%d %s</title>
<style>
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 20vh auto; padding: 0 1.5rem }
</style>
<h1>%d %s</h1>
<p>%s.</p>
</html>
]]

local HTML_TYPE = "text/html; charset=utf-8"

local files = {}

-- Take over the files of the operator, `404.html`, `404.txt` and so on; what is not there keeps its own page.
function M.load(directory)
    for status in pairs(TITLES) do
        files[status] = {
            html = file.read(directory .. "/" .. status .. ".html"),
            text = file.read(directory .. "/" .. status .. ".txt"),
        }
    end
end

local function wants_html()
    return (ngx.var.http_accept or ""):find("text/html", 1, true) ~= nil
end

local function html(status, reason)
    local sentence = reason:sub(1, 1):upper() .. reason:sub(2)
    return HTML:format(status, TITLES[status], status, TITLES[status], sentence)
end

-- Write an answer by HTTP/1 for which nginx writes no headers: it takes a request for one of HTTP/0.9 once an instance
-- has answered it by something other than HTTP. To HEAD it would print nothing at all.
local function write_whole(status, kind, text)
    local is_head = ngx.req.get_method() == "HEAD"
    if is_head then
        ngx.req.set_method(ngx.HTTP_GET)
    end
    ngx.header["Content-Length"] = nil -- so that nginx ends the connection
    local line = ("HTTP/1.1 %d %s"):format(status, TITLES[status])
    ngx.print(line, "\r\nContent-Type: ", kind, "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n")
    ngx.print(is_head and "" or text)
    ngx.eof()
    if is_head then
        ngx.req.set_method(ngx.HTTP_HEAD) -- for the access log
    end
end

local function send(status, kind, text)
    ngx.status = status
    ngx.var.door_cookie = ""
    ngx.header["Content-Type"] = kind
    ngx.header["Content-Length"] = #text
    ngx.header["Cache-Control"] = "no-store"
    if COME_BACK[status] then
        ngx.header["Retry-After"] = "1"
    end
    if protocol.version() < 1 and (ngx.var.server_protocol or ""):find("^HTTP/1") then
        return write_whole(status, kind, text)
    end
    ngx.print(text)
end

-- Write the answer with this status. Not by error_page, which would bring a 502 back to us in an endless loop. A reason
-- must be a text of ours: it is not escaped.
local function write(status, reason)
    local own = files[status] or {}
    reason = reason or REASONS[status]
    if wants_html() then
        send(status, HTML_TYPE, own.html or html(status, reason))
    else
        send(status, "text/plain", own.text or reason .. "\n")
    end
end

function M.refuse(status, reason)
    write(status, reason)
    return ngx.exit(ngx.HTTP_OK)
end

-- Answer a request for a service under maintenance, with the page of an operator unless that is nil or empty.
function M.maintenance(page)
    if not page or page == "" then
        return M.refuse(503, UNDER_MAINTENANCE)
    end
    ngx.header["X-Content-Type-Options"] = "nosniff"
    send(503, page:find("^%s*<") and HTML_TYPE or "text/plain; charset=utf-8", page)
    return ngx.exit(ngx.HTTP_OK)
end

-- Answer a request that nginx itself refused, brought here by error_page. If its body was being read whole, 500 says
-- that nginx had no more room for it.
function M.show(is_reading)
    if ngx.status == WITHOUT_TLS then
        return M.refuse(400, NO_TLS)
    end
    local status = TITLES[ngx.status] and ngx.status or 500
    if is_reading and status == 500 then
        return M.refuse(413, TINY_CHUNKS)
    end
    return M.refuse(status)
end

-- The same, without waiting for the rest of the body: for an address that must not hold more connections. By HTTP/2
-- nginx does not wait for it anyway, and the connection has other requests.
function M.show_and_close()
    if protocol.version() >= 2 then
        return M.show()
    end
    write(ngx.status)
    ngx.flush(true)
    return ngx.exit(444) -- nginx's code for closing the connection
end

return M
