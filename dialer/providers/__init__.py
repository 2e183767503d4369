"""Hosted voice-agent APIs, one adapter a file; each answers values (`dialer.domain.placement`) and never raises."""
