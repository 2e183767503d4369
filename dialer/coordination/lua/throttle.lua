-- May this API key be answered once more now?
-- KEYS  1 the key's requests
-- ARGV  1 spacing of requests  2 how far ahead of their spacing requests may come
-- returns microseconds until it may; 0: it may, and has
local spacing, ahead = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = now_micros()

-- Further ahead than requests ever get: the server's clock was set back, or the pace raised.
local due = math.min(tonumber(redis.call('GET', KEYS[1]) or 0), now + ahead + spacing)
due = math.max(due, now)
if due > now + ahead then
  return due - now - ahead
end

-- Gone by itself when it says nothing any more.
redis.call('SET', KEYS[1], digits(due + spacing), 'PX', math.ceil((due + spacing - now) / 1000))
return 0
