"""Tests of the adapters for CRM systems."""
