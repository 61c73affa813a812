"""Stores of sign-in: connections, people and their sessions."""
