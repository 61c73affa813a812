"""Proofs against the running service: what holds when things break, and what is left behind."""
