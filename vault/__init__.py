"""A self-hosted vault for call recordings: sealed, switchable, and every access on record."""

__version__ = "0.1.0"
