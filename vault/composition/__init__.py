"""Composition root: opens the adapters that the settings name, and builds the Vault from them."""
