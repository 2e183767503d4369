-- Leaves one wake-up call for the leader, however many are waiting.
-- KEYS  1 wake
-- returns nothing
redis.call('LPUSH', KEYS[1], '1')
redis.call('LTRIM', KEYS[1], 0, 0)
