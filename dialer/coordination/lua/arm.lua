-- The last check before a request; remembers on go that this claim may have dialed.
-- KEYS  1 epoch  2 signals  3 the account's permits  4 the call's witness
-- ARGV  1 reference  2 attempt number  3 claim id  4 seconds to remember  5 the epoch of its permit, or nothing
--       6… the signals that concern this call
-- returns 'go' | 'halt' | 'stale' | 'witnessed' | 'unpermitted'
local reference, number, claim = ARGV[1], tonumber(ARGV[2]), ARGV[3]

if not epoch_stands(KEYS[1]) then
  return 'stale'
end
-- Permitted by another Redis, or by this one before it was restarted: what its attempt says of the epoch would not be true.
if ARGV[5] ~= '' and ARGV[5] ~= redis.call('GET', KEYS[1]) then
  return 'stale'
end

for _, value in ipairs(redis.call('HMGET', KEYS[2], unpack(ARGV, 6))) do
  if value and read_signal(value) ~= 'go' then
    return 'halt'
  end
end

if not redis.call('ZSCORE', KEYS[3], reference) then
  return 'unpermitted'
end

local witness = redis.call('GET', KEYS[4])
if witness and witness ~= ARGV[2] .. ':' .. claim then
  local armed = tonumber(string.match(witness, '^(%d+):') or nil)
  if not armed or armed >= number then
    return 'witnessed'
  end
end

redis.call('SET', KEYS[4], ARGV[2] .. ':' .. claim, 'EX', ARGV[4])
return 'go'
