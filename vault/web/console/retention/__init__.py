"""Retention: the policy, and holds."""
