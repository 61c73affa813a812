"""Retention policies and holds."""
