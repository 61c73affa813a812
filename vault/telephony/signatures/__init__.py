"""Verification of webhook signatures."""
