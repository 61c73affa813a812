"""Simulated Aircall."""
