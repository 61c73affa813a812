"""Accounts that move from one vault to another."""
