"""SQLite and PostgreSQL behind one port, using SQLAlchemy Core and Alembic."""
