"""Requests of people, and their packages."""
