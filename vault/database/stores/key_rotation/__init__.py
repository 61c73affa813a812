"""Stores of key rotation: versions of account keys, month keys, and what they seal."""
