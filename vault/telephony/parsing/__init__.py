"""Parsers for providers' webhooks and API responses."""
