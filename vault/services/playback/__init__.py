"""Playback: links, sessions and the audio stream."""
