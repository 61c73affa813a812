"""Tests of vault/services/accounts."""
