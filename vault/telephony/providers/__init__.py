"""Providers: a package for each."""
