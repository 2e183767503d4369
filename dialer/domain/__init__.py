"""What a call is and may become: pure values and decisions; `now` is always an argument."""
