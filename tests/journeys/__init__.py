"""Journeys: a real server, and anyone who knocks at it."""
