"""Accounts, API keys, connections and the recording switch."""
