"""Tests of vault/services/requests."""
