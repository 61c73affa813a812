"""A node: startup checks, the vault's identity and its readiness."""
