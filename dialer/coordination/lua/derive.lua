-- Makes an account's permits what the ledger says.
-- KEYS  1 the account's permits
-- ARGV  1 grace, microseconds  2… the references that are live
-- returns nothing
local now = now_micros()
local grace = tonumber(ARGV[1])

-- Added with a start instant that is over: one that asks again (a redial) pays for a start of its own.
local over = digits(now - SECOND - 1)
local live = {}
for index = 2, #ARGV do
  live[ARGV[index]] = true
  redis.call('ZADD', KEYS[1], 'NX', over, ARGV[index])
end

for _, reference in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. digits(now - grace))) do
  if not live[reference] then
    redis.call('ZREM', KEYS[1], reference)
  end
end

-- Granted before the server's clock was set back: their grace begins now.
for _, reference in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. digits(now + SECOND), '+inf')) do
  redis.call('ZADD', KEYS[1], digits(now), reference)
end
