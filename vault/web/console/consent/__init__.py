"""Consent: the policy, notices, and numbers that must not be recorded."""
