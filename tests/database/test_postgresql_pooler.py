"""A pooler between vault and server: it drops the timeouts, hides a failover, and is refused with a sentence."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from tests.servers.pgbouncer import pgbouncer
from vault.database.engines.migrate import check_postgresql, migrate_postgresql
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.postgresql_signals import PostgresqlSignals
from vault.database.signals import Signal
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


async def test_a_worker_behind_a_pooler_knows_that_it_hears_nothing(tmp_path: Path, migrated_url: str):
    """A pooler in transaction mode accepts LISTEN, and would never pass a notification on."""
    heard: asyncio.Queue[bool] = asyncio.Queue()

    class Ear:
        def receive(self, signals: Iterable[Signal]) -> Sequence[Signal]:
            return ()

        def connected(self, *, remote: bool) -> None:
            heard.put_nowait(remote)

    parts = urlsplit(migrated_url)
    folder = Path(parse_qs(parts.query)["host"][0])
    with pgbouncer(tmp_path, host=folder, mode="transaction", ignore="") as port:
        signals = PostgresqlSignals(f"postgresql://postgres@127.0.0.1:{port}{parts.path}")
        async with signals.delivered_to(Ear()), asyncio.timeout(20):
            assert not await heard.get()
            assert signals.holder is None
        signals.close()
