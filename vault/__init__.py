"""A self-hosted vault for call recordings: encrypted, with a recording switch and an access log."""
