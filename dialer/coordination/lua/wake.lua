-- Leaves one wake-up call at each of these places, however many are waiting there.
-- KEYS  where
-- returns nothing
for _, place in ipairs(KEYS) do
  redis.call('LPUSH', place, '1')
  redis.call('LTRIM', place, 0, 0)
end
