-- The last check before a request; remembers on go that this claim may have dialed.
-- KEYS  1 epoch  2 signals  3 the account's permits  4 the call's witness  5 when others of the account were armed
-- ARGV  1 reference  2 attempt number  3 claim id  4 seconds to remember  5 the epoch of its permit, or nothing
--       6 how many may leave within a second, 0 = any  7… the signals that concern this call
-- returns {'go' | 'halt' | 'stale' | 'witnessed' | 'unpermitted'} | {'bunched', microseconds until asking again}
local reference, number, claim, most = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[6])

if not epoch_stands(KEYS[1]) then
  return {'stale'}
end
-- Permitted by another Redis, or by this one before it was restarted: what its attempt says of the epoch would not be true.
if ARGV[5] ~= '' and ARGV[5] ~= redis.call('GET', KEYS[1]) then
  return {'stale'}
end

for _, value in ipairs(redis.call('HMGET', KEYS[2], unpack(ARGV, 7))) do
  if value and read_signal(value) ~= 'go' then
    return {'halt'}
  end
end

if not redis.call('ZSCORE', KEYS[3], reference) then
  return {'unpermitted'}
end

local witness = redis.call('GET', KEYS[4])
if witness ~= ARGV[2] .. ':' .. claim and tells_of(witness, number) then
  return {'witnessed'}
end

-- Start instants lie apart, but a worker that stood still sends all that it held at once. What is let by is what the
-- provider is promised, so that whoever was late may catch up as far as the last second left room.
local now = now_micros()
if most > 0 and not redis.call('ZSCORE', KEYS[5], claim) then
  local from, to = '(' .. digits(now - SECOND), digits(now)
  local over = redis.call('ZCOUNT', KEYS[5], from, to) - most
  if over >= 0 then
    local left = redis.call('ZRANGEBYSCORE', KEYS[5], from, to, 'WITHSCORES', 'LIMIT', over, 1)
    return {'bunched', tonumber(left[2]) + SECOND - now}
  end
end

redis.call('SET', KEYS[4], ARGV[2] .. ':' .. claim, 'EX', ARGV[4])
redis.call('ZADD', KEYS[5], digits(now), claim)
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', digits(now - SECOND))
redis.call('ZREMRANGEBYSCORE', KEYS[5], '(' .. digits(now), '+inf')
return {'go'}
