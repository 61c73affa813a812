"""What stands in the tables of a PostgreSQL database, as text: its files may hold values compressed."""

import psycopg


def tables_of(url: str) -> dict[str, bytes]:
    """Return each table as text, after its pages were written to the files."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        found = {}
        for (name,) in names:
            with connection.cursor().copy(f'COPY "{name}" TO STDOUT') as rows:
                found[f"table {name}"] = b"".join(bytes(part) for part in rows)
    return found
