"""Tests of vault/services/key_rotation."""
