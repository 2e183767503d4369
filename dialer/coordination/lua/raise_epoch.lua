-- Opens this Redis for dialing. Start instants granted before a wipe are forgotten, so the pace begins a second in debt.
-- KEYS  1 epoch  2 debt
-- returns nothing
redis.call('SET', KEYS[2], digits(now_micros() + SECOND))
redis.call('SET', KEYS[1], run_id())
