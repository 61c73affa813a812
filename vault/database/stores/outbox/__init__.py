"""Stores of the outbox: what waits, the claims of workers, and how attempts ended."""
