"""Tests of vault/services/ingest."""
