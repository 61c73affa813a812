"""Recordings: their states and their audio."""
