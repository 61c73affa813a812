"""Tests of vault/services/playback."""
