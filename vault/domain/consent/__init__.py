"""Consent: what parties heard and answered, and whether a call may be recorded."""
