"""Simulated providers: a package for each. ``vault/simulator/registry.py`` finds them."""
