"""Recordings: states and audio."""
