"""Consent: the notices to the parties, their answers, and the requirements of law and policy."""
