"""Rounds against a real database that goes back, forks or stands still: ``python -m tests.failover --help``."""
