"""The moves of a call, one file each, as functions over a Switchboard; who runs them, and when, is `workers`'
affair."""
