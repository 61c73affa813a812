"""Stores of hand-over: integrations, hand-overs, and what the log says of recordings."""
