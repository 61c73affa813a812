"""Calls, and what platforms report of them."""
