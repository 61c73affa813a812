"""Consent: notices to the parties, their answers, and the decision whether a call may be recorded."""
