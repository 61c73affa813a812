"""Retention policies, holds, and why a recording is still here."""
