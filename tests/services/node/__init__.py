"""Tests of vault/services/node."""
