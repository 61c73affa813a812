"""Providers: a package for each. ``PROVIDERS`` in ``vault/composition.py`` is the registry."""
