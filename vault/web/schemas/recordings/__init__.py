"""Recordings, and fetches of them."""
