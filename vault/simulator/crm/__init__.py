"""Simulated CRM systems, written from the systems' documentation; they share no code with the adapters."""
