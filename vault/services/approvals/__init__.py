"""Approvals: ask for one, decide on it, carry it out once, and set the rule of an account."""
