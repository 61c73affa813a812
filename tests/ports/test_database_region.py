"""The region of an account on both databases: set once, and never changed by anybody."""

import pytest
from sqlalchemy import text

from tests.support.database_rows import open_account
from vault.database.interface import Database
from vault.errors import VaultError

SET = "UPDATE accounts SET region = {0} WHERE id = 'acct_a'"


async def test_a_region_is_set_once(database: Database) -> None:
    """A trigger refuses another one, and none; the same one changes nothing."""
    await open_account(database, "acct_a")
    await database.write(lambda tx: tx.accounts.rename("acct_a", name="A", locale="en", region="eu"))
    await database.write(lambda tx: tx.accounts.rename("acct_a", name="B", locale="en", region="eu"))
    await database.write(lambda tx: tx.accounts.rename("acct_a", name="C", locale="en"))
    with pytest.raises(VaultError):
        await database.write(lambda tx: tx.accounts.rename("acct_a", name="D", locale="en", region="us"))
    with pytest.raises(VaultError):
        await database.write(lambda tx: tx.connection.execute(text(SET.format("NULL"))))
    found = await database.read(lambda tx: tx.accounts.find("acct_a"))
    assert found is not None
    assert (found.region, found.name) == ("eu", "C")
