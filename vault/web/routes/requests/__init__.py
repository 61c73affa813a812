"""Requests of people, their callback, and the closure of an account."""
