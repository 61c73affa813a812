"""Simulated Vonage."""
