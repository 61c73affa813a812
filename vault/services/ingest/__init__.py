"""Ingest: from a webhook or an upload to an encrypted recording."""
