"""Closing acts: the journal that keeps closed what was closed, and recovery mode."""
