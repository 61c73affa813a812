"""Stored formats: how objects and encrypted columns are written and read back."""
