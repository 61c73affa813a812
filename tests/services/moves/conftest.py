"""Fixtures of moves: two vaults, on SQLite and on either database."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.fakes.objects import FakeObjects
from tests.support.service_house import House, new_house, with_account
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.services.moves.move_account import MoveAccount
from vault.thread_pools import Threads
from vault.tlog.note import Signer

HERE_URL = "https://here.example"
THERE_URL = "https://there.example"
THERE = Signer(name="there.example/access-log", secret=bytes(range(1, 33)))


@dataclass(frozen=True)
class TwoVaults:
    """A vault with an account that leaves, and another one."""

    here: House
    there: House
    move: MoveAccount

    @property
    def arrived(self) -> House:
        """Return the other vault with the account that left this one."""
        here = self.here
        return replace(self.there, account=here.account, connection_id=here.connection_id, secret=here.secret)


@pytest.fixture
async def vaults(
    tmp_path: Path, threads: Threads, database: SqliteDatabase | PostgresqlDatabase
) -> AsyncIterator[TwoVaults]:
    """Two vaults; the account ``leaver`` of the first has recordings."""
    (tmp_path / "here").mkdir()
    async with (
        new_house(tmp_path / "here", threads, objects=FakeObjects(), public_url=HERE_URL) as first,
        new_house(
            tmp_path / "there", threads, database, objects=FakeObjects(), public_url=THERE_URL, signer=THERE
        ) as there,
    ):
        here = await with_account(first, "leaver")
        move = MoveAccount(
            here=here.vault.moves.here,
            there=there.vault.moves.here,
        )
        yield TwoVaults(here, there, move)
