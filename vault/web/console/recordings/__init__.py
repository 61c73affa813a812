"""Recordings: search, one of them, and those in quarantine."""
