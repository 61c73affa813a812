"""SQLite and PostgreSQL behind one port, with SQLAlchemy Core and Alembic."""
