"""Stores of playback: links, their sessions, keys that sign links."""
