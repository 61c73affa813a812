"""Accounts, their recording switch and their connections."""
