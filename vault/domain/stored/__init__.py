"""Stored formats: encoding and decoding of objects and encrypted columns."""
