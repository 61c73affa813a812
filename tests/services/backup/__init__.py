"""Tests of vault/services/backup."""
