"""Shipped doubles, builders and contract suites, for the dialer's own tests and for whoever writes an adapter."""
