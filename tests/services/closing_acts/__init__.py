"""Tests of vault/services/closing_acts."""
