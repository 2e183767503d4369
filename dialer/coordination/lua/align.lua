-- Makes the signals what the ledger says; newer ones, and halting ones that it does not name, are left standing and told:
-- a ledger that was rolled back may have forgotten them.
-- KEYS  1 signals
-- ARGV  key, word, seq of each signal, one after the other
-- returns {{key, word, seq}, …} of those that are newer here, or only here
local standing = {}
local stored = redis.call('HGETALL', KEYS[1])
for index = 1, #stored, 2 do
  standing[stored[index]] = stored[index + 1]
end

local newer = {}
for index = 1, #ARGV, 3 do
  local key, value = ARGV[index], ARGV[index + 1] .. ':' .. ARGV[index + 2]
  local word, seq = read_signal(standing[key])
  if seq > tonumber(ARGV[index + 2]) then
    newer[#newer + 1] = {key, word, digits(seq)}
  elseif standing[key] ~= value then
    redis.call('HSET', KEYS[1], key, value)
  end
  standing[key] = nil
end

for key, value in pairs(standing) do
  local word, seq = read_signal(value)
  if seq > 0 and (word == 'pause' or word == 'terminate' or word == 'hold') then
    newer[#newer + 1] = {key, word, digits(seq)}
  else
    redis.call('HDEL', KEYS[1], key)
  end
end
return newer
