"""Callbacks: each change of a request of a person is told to the one URL of its account."""
