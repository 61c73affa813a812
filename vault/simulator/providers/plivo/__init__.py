"""Simulated Plivo."""
