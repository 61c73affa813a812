"""Accounts: the overview, name and limits, keys, and connections to platforms."""
