"""Playback: who may listen, sessions of one's own, and keys that sign links."""
