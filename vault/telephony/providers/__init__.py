"""Providers: a package for each. ``vault/telephony/registry.py`` lists them."""
