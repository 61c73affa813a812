"""Accounts: their keys and limits, their API keys, and the recording switch."""
