"""The whole system on one machine against simulated providers: `dialer demo`."""
