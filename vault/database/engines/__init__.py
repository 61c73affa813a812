"""Database engines: SQLite and PostgreSQL, their connections, transactions and migrations."""
