"""Move an account to another vault."""
