-- A script for wrk: sends the requests of a file or refreshes sessions, and prints the results as one line of JSON.

-- REQUESTS: a file of requests, which are sent one after the other. A line has the method, the path, the name and the
-- value of a header, and the body, separated by tabs.
local file = os.getenv("REQUESTS")
if file then
  local lines = io.lines(file)
  request = function()
    local line = lines()
    if not line then
      lines = io.lines(file)
      line = lines()
    end
    local method, path, name, value, body = line:match("^(.-)\t(.-)\t(.-)\t(.-)\t(.*)$")
    return wrk.format(method, path, {[name] = value}, body ~= "" and body or nil)
  end
end

-- COOKIES: a file of refresh tokens, one for each thread. A thread has one connection and a Lua state. It sends the
-- token of the answer before, from an address of its own.
local cookies = os.getenv("COOKIES")
local threads = {}
if cookies then
  local lines = io.lines(cookies)
  failures = 0
  setup = function(thread)
    thread:set("token", lines())
    table.insert(threads, thread)
    thread:set("address", "192.0.2." .. #threads)
  end
  request = function()
    return wrk.format("POST", "/refresh", {Cookie = "refreshToken=" .. token, ["X-Forwarded-For"] = address})
  end
  response = function(status, headers)
    local next_token
    for name, value in pairs(headers) do
      if name:lower() == "set-cookie" then next_token = value:match("^refreshToken=([^;]+)") end
    end
    -- wrk itself counts a status of 400 and above.
    if status < 400 and (not next_token or next_token == token) then failures = failures + 1 end
    token = next_token or token
  end
end

-- Durations are in seconds.
done = function(summary, latency)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  for _, thread in ipairs(threads) do failed = failed + thread:get("failures") end
  io.write(string.format(
    '\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "failures": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6, failed))
end
