-- Was this very Redis process set up by the scheduler?
-- KEYS  1 epoch
-- returns 1 | nothing
return epoch_stands(KEYS[1])
