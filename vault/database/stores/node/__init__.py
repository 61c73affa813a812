"""Stores of the nodes: the vault's metadata, leases, and when work is due."""
