"""Tests of the HTTP doors, in one process."""
