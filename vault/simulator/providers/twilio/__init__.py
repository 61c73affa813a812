"""Simulated Twilio."""
