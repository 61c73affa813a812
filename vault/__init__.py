"""A self-hosted vault for call recordings: sealed, switchable, and every access on record."""
