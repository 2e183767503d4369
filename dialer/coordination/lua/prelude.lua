-- Put before every verb. Instants are whole microseconds of this server's own clock.
local SECOND = 1000000

local function now_micros()
  local time = redis.call('TIME')
  return tonumber(time[1]) * SECOND + tonumber(time[2])
end

-- Lua would write 1.79e+15.
local function digits(micros)
  return string.format('%.0f', micros)
end

-- The name of the very process that executes this: it tells a restart from old disk and another Redis apart.
local function run_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end

local function epoch_stands(key)
  local epoch = redis.call('GET', key)
  return epoch and epoch == run_id()
end

-- Whether a call's witness, `number:claim id`, tells of this attempt or a later one; so does one that cannot be read.
local function tells_of(witness, number)
  local armed = witness and tonumber(string.match(witness, '^(%d+):') or nil)
  return witness and (not armed or armed >= number)
end

-- A signal is `word:seq`; what cannot be read is older than anything, and is no `go`.
local function read_signal(value)
  local word, seq = string.match(value or '', '^(%a+):(%d+)$')
  return word, tonumber(seq or -1)
end
