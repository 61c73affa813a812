"""Engines: SQLite and PostgreSQL, their connections, transactions and migrations."""
