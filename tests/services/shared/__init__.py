"""Tests of vault/services/shared."""
