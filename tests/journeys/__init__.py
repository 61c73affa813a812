"""Journeys: a real server, and whoever knocks at it."""
