"""Tests of vault/services/recordings."""
