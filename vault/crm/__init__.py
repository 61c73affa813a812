"""Adapters for CRM systems: pure functions that make requests and read replies."""
