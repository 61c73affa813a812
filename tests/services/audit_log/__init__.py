"""Tests of vault/services/audit_log."""
