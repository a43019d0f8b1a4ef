-- The parts of nginx's own record of a request that no function of Lua returns. The beginning of that record, and of
-- that of a connection, has been the same for all versions that have Lua.

local base = require "resty.core.base"
local ffi = require "ffi"

ffi.cdef [[
typedef struct {
    void *data;
    void *read;
    void *write;
    int fd;
} door_connection_t;
typedef struct {
    uint32_t signature;
    door_connection_t *connection;
    void **ctx;
    void **main_conf;
    void **srv_conf;
    void **loc_conf;
} door_request_t;
typedef struct {
    int fd;
    short events;
    short revents;
} door_polled_t;
int poll(door_polled_t *, unsigned long, int);
]]

local REQUEST = ffi.typeof("door_request_t *")
local SIGNATURE = 0x50545448 -- "HTTP"
local CLOSED = 0x2000 -- POLLRDHUP: the other side sends no more; behind it there may be what it sent before

local M = {}

local polled = ffi.new("door_polled_t[1]")

-- nginx's record of this request.
function M.request()
    return ffi.cast(REQUEST, base.get_request())
end

-- Whether a record is one of a request.
function M.is_sound(request)
    return request.signature == SIGNATURE
end

-- Whether the client of this request has ended its connection.
function M.has_left()
    local request = M.request()
    if not M.is_sound(request) then
        return false
    end
    polled[0].fd, polled[0].events = request.connection.fd, CLOSED
    return ffi.C.poll(polled, 1, 0) == 1
end

return M
