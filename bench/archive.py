"""An archive of many recordings: rows like those of recordings that came in long ago, and a few that came just now.

The old ones have everything but their sealed details, which only a page that shows them would open; the pages that
are measured show the new ones, which came in as any recording does.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, insert, text, update

from bench.stage import ACCOUNT, put_recording
from vault.database.schema.core import recording_terms, recordings
from vault.database.stores.recordings.recordings import NewRecording
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import LEASE, Recording, State
from vault.services.service import Vault
from vault.services.shared.encrypted_fields import search_term

#: Who calls in every new recording.
NUMBER = "+14155550123"
#: The call of every new recording.
_CALL = "bench"
_ACTOR = "bench"
#: The states that a worker claims to fetch.
_TO_FETCH = (State.RECEIVED, State.RETRY_WAIT, State.TRANSFERRING)
#: Rows of one transaction: the vault gives up one that takes more than seconds.
_AT_ONCE = 5_000
#: Of which the planner needs statistics.
_LARGE = ("recordings", "recording_terms", "call_facts", "links")
#: What is different in each old row, in both dialects.
_OWN = {
    "id": {"sqlite": "printf('rec_%032x', n)", "postgresql": "'rec_' || lpad(to_hex(n), 32, '0')"},
    "recording_ref": {"sqlite": "'old-' || n", "postgresql": "'old-' || n"},
    "call_ref": {"sqlite": "'old-' || n", "postgresql": "'old-' || n"},
    "received_at": {"sqlite": "received_at - 1000 * n", "postgresql": "received_at - 1000 * n"},
    "sealed_details": {"sqlite": "NULL", "postgresql": "NULL"},
}
SERIES = {
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM s WHERE n < :last) SELECT n FROM s)",
    "postgresql": "generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS s(n)",
}
#: A keyed hash of 32 bytes: of a number that no other recording has.
_TERM = {
    "sqlite": "randomblob(32)",
    "postgresql": "decode(md5(n::text) || md5(random()::text), 'hex')",
}


async def fill(vault: Vault, old: int, new: int) -> None:
    """Bring in ``new`` recordings of one caller, and add ``old`` rows from before."""
    account, _ = await vault.accounts.accounts.open(ACCOUNT, name=None, locale=None, actor=_ACTOR)
    now = datetime.now(UTC)
    facts = CallFacts(
        call_ref=_CALL, direction="inbound", caller=NUMBER, callee="+12065550100", started_at=now
    )
    await vault.recordings.calls.start(account.id, replace(facts, agent="Robin"))
    brought = [await put_recording(vault, f"new-{number}", 8000) for number in range(new)]
    term = search_term(await vault.recordings.recordings.call_terms.index_key(account.id), "number", NUMBER)
    await vault.database.write(lambda tx: _name(tx, brought, term))
    for first in range(1, old + 1, _AT_ONCE):
        last = min(old, first + _AT_ONCE - 1)
        await vault.database.write(lambda tx, some=(first, last): _add(tx, brought[0], *some))  # type: ignore[misc]
    await let_planner_look(vault)


def _name(tx: Any, brought: Sequence[Recording], term: bytes) -> None:
    """Let them be found by who called, as the gate does."""
    rows = [{"account_id": one.account_id, "term": term, "recording_id": one.id} for one in brought]
    tx.connection.execute(insert(recording_terms), rows)


def add_like(tx: Any, like: Recording, first: int, last: int) -> Sequence[str]:
    """Add rows like that of a recording, each with a call of its own; return their ids."""
    without_hurry(tx)
    connection: Connection = tx.connection
    dialect = connection.dialect.name
    names: Sequence[str] = connection.execute(text("SELECT * FROM recordings LIMIT 0")).keys()  # type: ignore[assignment]
    own = [_OWN[name][dialect] if name in _OWN else name for name in names]
    span = {"like": like.id, "first": first, "last": last}
    rows = (
        f"INSERT INTO recordings ({', '.join(names)}) SELECT {', '.join(own)} "  # noqa: S608 - names of our own table
        f"FROM recordings, {SERIES[dialect]} WHERE id = :like"
    )
    connection.execute(text(rows), span)
    return [id_of_old(number) for number in range(first, last + 1)]


def id_of_old(number: int) -> str:
    """Return the id of an old recording by its number, as ``_OWN`` writes it."""
    return f"rec_{number:032x}"


def _add(tx: Any, like: Recording, first: int, last: int) -> None:
    connection: Connection = tx.connection
    dialect = connection.dialect.name
    add_like(tx, like, first, last)
    terms = (
        "INSERT INTO recording_terms (account_id, term, recording_id) "  # noqa: S608 - the same
        f"SELECT '{like.account_id}', {_TERM[dialect]}, {_OWN['id'][dialect]} FROM {SERIES[dialect]}"
    )
    connection.execute(text(terms), {"first": first, "last": last})


async def let_planner_look(vault: Vault) -> None:
    """Let PostgreSQL's planner look at what is there, as autovacuum would; nobody does so on SQLite."""
    for table in _LARGE:
        await vault.database.write(partial(_analyze, table=table))


def _analyze(tx: Any, *, table: str) -> None:
    without_hurry(tx)
    if tx.connection.dialect.name == "postgresql":
        tx.connection.execute(text(f"ANALYZE {table}"))


def without_hurry(tx: Any) -> None:
    """Let this transaction take its time: the vault's own statements end after seconds, and these are none of its."""
    if tx.connection.dialect.name == "postgresql":
        for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
            tx.connection.execute(text(f"SET LOCAL {name} = 0"))


async def wait_in_line(vault: Vault) -> None:
    """Announce one recording that waits to be fetched."""
    account, _ = await vault.accounts.accounts.open(ACCOUNT, name=None, locale=None, actor=_ACTOR)
    now = datetime.now(UTC)

    def insert(tx: Any) -> None:
        new = NewRecording(
            id="rec_waiting", account_id=account.id, connection_id=None, recording_ref="waiting", call_ref=_CALL,
            received_at=now, call_started_at=None, call_ended_at=None, sealed_announcement=None, key_version=1,
        )  # fmt: skip
        tx.recordings.insert_upload(new, state=State.RECEIVED, reasons=(), epoch=0)
        # A worker fetches what was announced, and nothing else.
        announced = update(recordings).where(recordings.c.id == new.id)
        tx.connection.execute(announced.values(sealed_announcement=b"sealed", announcement_key_version=1))

    await vault.database.write(insert)


async def claim(vault: Vault) -> None:
    """Claim the waiting recording, as a worker does, and put it back."""
    held = await vault.database.claim(_TO_FETCH, lease=LEASE, likely=True)
    if held is None:
        raise RuntimeError("No recording waits.")
    await vault.database.write(
        lambda tx: tx.queue.put_back(held, not_before=tx.now() - timedelta(seconds=1), counts=False)
    )
