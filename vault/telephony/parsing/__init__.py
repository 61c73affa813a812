"""Parsers of what providers send."""
