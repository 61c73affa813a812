"""Tests of vault/services/events."""
