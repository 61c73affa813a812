"""Stores of backup and restore: what the object store contains, and what comes back from it."""
