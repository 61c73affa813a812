"""Consent: what the parties were told and answered, and what law and policy require."""
