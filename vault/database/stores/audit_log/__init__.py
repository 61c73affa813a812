"""Stores of the access log: events, their tree and checkpoints, closing acts."""
