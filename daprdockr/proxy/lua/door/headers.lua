-- The names of a request's headers. nginx would drop those with unusual characters silently, or pass on any.

local M = {}

-- A line that does not begin with a token (RFC 9110, 5.6.2) and a colon. Some servers take other characters for
-- spaces, so that such a header could pass for one that we write.
local NO_TOKEN = [[^[!#$%&'*+.^_`|~0-9A-Za-z-]*+[^!#$%&'*+.^_`|~0-9A-Za-z:\r\n-]|^:]]

-- The names that we write, with a dot in them, of which PHP and CGI make _ as of -. Those with _ are removed in
-- nginx.conf, which cannot name dots.
local NOT_OURS = [[^(?=[A-Za-z_-]*\.)(?:]]
    .. [[X[-_.]Real[-_.]IP|X[-_.]Forwarded[-_.](?:For|Proto|Host|Port|Prefix|Scheme|Ssl)|]]
    .. [[Content[-_.]Length|Transfer[-_.]Encoding):]]

local BAD_NAME = NO_TOKEN .. "|" .. NOT_OURS

-- Whether a name is none that HTTP allows, or pretends to be one of ours.
function M.are_bad()
    return ngx.re.find(ngx.req.raw_header(true), BAD_NAME, "ijom") ~= nil
end

return M
