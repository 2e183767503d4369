-- Sets one signal, unless a newer one stands.
-- KEYS  1 signals
-- ARGV  1 key  2 word  3 seq
-- returns nothing
local _, standing = read_signal(redis.call('HGET', KEYS[1], ARGV[1]))
if standing <= tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ':' .. ARGV[3])
end
