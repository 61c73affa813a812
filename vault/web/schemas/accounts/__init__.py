"""Accounts: settings, keys, connections and limits."""
