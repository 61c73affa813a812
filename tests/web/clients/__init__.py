"""Clients that others generate from the contract."""
