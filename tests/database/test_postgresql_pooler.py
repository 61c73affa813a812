"""A pooler between vault and server: it drops the timeouts, hides a failover, and is refused with a sentence."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from tests.servers.pgbouncer import pgbouncer
from vault.database.engines.migrate import check_postgresql, migrate_postgresql
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.errors import DatabaseUnfit, StartRefused


@pytest.mark.parametrize("mode", ["session", "transaction"])
@pytest.mark.parametrize("ignore", ["", "options", "options, and the database has them"])
async def test_a_pooler_is_refused_with_a_sentence(tmp_path: Path, migrated_url: str, mode: str, ignore: str):
    """In both modes, whether it refuses the options, drops them, or the role's own settings look like them."""
    parts = urlsplit(migrated_url)
    if "database" in ignore:
        with psycopg.connect(migrated_url, autocommit=True) as connection:
            for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
                connection.execute(f"ALTER DATABASE {parts.path[1:]} SET {name} = '5s'")  # type: ignore[arg-type]
    folder = Path(parse_qs(parts.query)["host"][0])
    with pgbouncer(tmp_path, host=folder, mode=mode, ignore=ignore.partition(",")[0]) as port:
        url = f"postgresql://postgres@127.0.0.1:{port}{parts.path}"
        for step in (check_postgresql, migrate_postgresql):
            with pytest.raises(StartRefused, match=r"pooler stands before .* Connect to PostgreSQL directly"):
                step(url)
        database = PostgresqlDatabase(url)
        with pytest.raises(DatabaseUnfit, match="pooler"):
            await database.write(lambda tx: tx.now())
        database.close()
