"""Platforms of one's own, which send Standard Webhooks."""
