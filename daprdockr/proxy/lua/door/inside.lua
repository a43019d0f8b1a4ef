-- The parts of nginx's own record of a request that no function of Lua returns. The beginning of that record, and of
-- those of a connection and of an upstream, has been the same for all versions that have Lua.

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
    void *handlers[2];
    door_connection_t *connection;
} door_upstream_t;
typedef struct {
    uint32_t signature;
    door_connection_t *connection;
    void **ctx;
    void **main_conf;
    void **srv_conf;
    void **loc_conf;
    void *handlers[2];
    door_upstream_t *upstreams[2]; // the second one; the first where nginx was built without a cache, else NULL
} door_request_t;
typedef struct {
    int fd;
    short events;
    short revents;
} door_polled_t;
int poll(door_polled_t *, unsigned long, int);
int shutdown(int, int);
]]

local REQUEST = ffi.typeof("door_request_t *")
local SIGNATURE = 0x50545448 -- "HTTP"
local BOTH_WAYS = 2 -- SHUT_RDWR
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

-- End the connection to the instance that has this request, so that nginx keeps it for no other one.
function M.cut_instance()
    local request = M.request()
    local first, second = request.upstreams[0], request.upstreams[1]
    local upstream = first ~= nil and first or second
    if not M.is_sound(request) or upstream == nil then
        return
    end
    local connection = upstream.connection
    if connection ~= nil and connection.data == ffi.cast("void *", request) then
        ffi.C.shutdown(connection.fd, BOTH_WAYS)
    end
end

return M
