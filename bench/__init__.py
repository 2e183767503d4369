"""The benchmarks, for a person at a terminal: `make bench`. Each runs ours and its peer in turn, in one go."""
