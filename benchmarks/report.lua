-- A script for wrk: sends the requests of a file, one after the other, and prints the results as one line of JSON.

-- A line has the method, the path, the name and the value of a header, and the body, separated by tabs.
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

-- Durations are in seconds.
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "failures": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    e.connect + e.read + e.write + e.status + e.timeout))
end
