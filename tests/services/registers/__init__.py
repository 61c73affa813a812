"""Tests of vault/services/consent."""
