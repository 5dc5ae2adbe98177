-- Told to wrk by the runner: prints what wrk measured as one line of JSON.
done = function(summary, latency, requests)
  local errors = summary.errors
  local points = {}
  for _, p in ipairs({50, 75, 90, 95, 99, 99.9, 99.99}) do
    points[#points + 1] = string.format('"%s": %d', tostring(p), latency:percentile(p))
  end
  io.write(string.format('\nRESULT {"completed": %d, "errors": %d, "seconds": %.6f, "bytes": %d, "latency_us": {%s}}\n',
    summary.requests - errors.status, errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    summary.duration / 1e6, summary.bytes, table.concat(points, ", ")))
end
