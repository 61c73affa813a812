"""Tests of vault/services/admission."""
