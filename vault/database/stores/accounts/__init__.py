"""Stores of accounts: switch, keys, limits, connections, sessions at the console."""
