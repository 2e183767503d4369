-- May one more call of this account start within a second?
-- KEYS  1 epoch  2 the account's permits  3 its pace  4 its starts  5 debt  6 the call's witness
-- ARGV  1 reference  2 channels that this lane may fill  3 spacing of start instants  4 floor(calls per second)  5 test call: 1
--       6 number of the coming attempt, 0 = it is known already
-- returns {'grant', until the start instant, now, the epoch, 1 where the attempt was armed before} | {'stale' | 'no channel' | 'pace', until asking again}; microseconds
local reference, channels, spacing = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local per_second, is_test = tonumber(ARGV[4]), ARGV[5] == '1'

if not epoch_stands(KEYS[1]) then
  return {'stale', SECOND}
end

local now = now_micros()

local function granted(start_in)
  local number = tonumber(ARGV[6])
  local is_witnessed = number > 0 and tells_of(redis.call('GET', KEYS[6]), number)
  return {'grant', start_in, digits(now), redis.call('GET', KEYS[1]), is_witnessed and 1 or 0}
end

-- Asked before: the same instant, nothing charged. Once that lies a second back the channel stays, but a start costs anew.
local held = tonumber(redis.call('ZSCORE', KEYS[2], reference) or nil)
if held and math.abs(held - now) <= SECOND then
  return granted(math.max(0, held - now))
end

if not held and redis.call('ZCARD', KEYS[2]) >= channels then
  return {'no channel', SECOND}
end

-- Further ahead than grants ever reach: the server's clock was set back. Waiting for it would stop the account for as long.
local pace = tonumber(redis.call('GET', KEYS[3]) or 0)
if pace > now + SECOND + 2 * spacing then
  pace = now + SECOND
end
local debt = math.min(tonumber(redis.call('GET', KEYS[5]) or 0), now + SECOND)
local regular = math.max(now, pace, debt)

-- The instants that can share a half-open second with one granted now.
local earliest, latest = digits(now - SECOND), digits(now + SECOND)

-- A start now keeps every half-open second at calls per second + 1 or fewer. Regular instants need no such count: they lie
-- apart by the spacing, and a call that jumped leaves its own regular instant free.
local function has_room_now()
  local starts = {}
  for index, value in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. earliest, latest, 'WITHSCORES')) do
    if index % 2 == 0 then
      starts[#starts + 1] = tonumber(value)
    end
  end
  local last = 0
  for first = 1, #starts + 1 do
    local from = math.min(starts[first] or now, now)
    while last < #starts and starts[last + 1] < from + SECOND do
      last = last + 1
    end
    if last - first + 1 > per_second then
      return false
    end
    if from == now then
      return true
    end
  end
end

local start = regular
if is_test and regular > now and now >= debt and regular <= now + SECOND + spacing and has_room_now() then
  start = now
end

if start > now + SECOND then
  return {'pace', start - now - SECOND}
end

-- First what a full server refuses: once a script has written anything, Redis lets it go on over its limit.
redis.call('SET', KEYS[3], digits(regular + spacing))
redis.call('ZADD', KEYS[2], digits(start), reference)
redis.call('ZADD', KEYS[4], digits(start), digits(start) .. ':' .. reference)
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', earliest)
redis.call('ZREMRANGEBYSCORE', KEYS[4], '(' .. latest, '+inf')
return granted(start - now)
