"""Claims of recordings, each as one statement whose cost does not grow with the number of waiting rows.

A claim prefers an account with few leases in its states, chosen at random among equals, so one account's backlog does
not delay the others; ``but`` names accounts that it passes over. It does not count the backlog: it walks over the
distinct accounts that have rows in a state, from a random account on, by one index lookup for each (a loose index
scan). In each state it walks over at most ``_MAX_ACCOUNTS`` from there on, and as many from the first account on.

On PostgreSQL claimed rows stay in the indexes until vacuum removes them, which a snapshot of somebody else may prevent.
So most claims look from a floor on, which the last look at all that waits has returned (``claim_floors``).
"""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import TextClause, TextualSelect, text

from vault.database.schema.core import IS_NOT_AVAILABLE, IS_WORK, MICROSECOND, micros, recordings
from vault.database.sql.compiled_statements import RowReader
from vault.database.sql.dialect import POSTGRESQL_NOW
from vault.database.sql.hot_text import HotText
from vault.database.stores.recordings.recordings import RECORDING_COLUMNS, recording_from, sealed_announcement
from vault.domain.ids import new_id
from vault.domain.recordings.recording import Lease, State
from vault.domain.recordings.transitions import CLAIM

#: Accounts per state that one claim looks at, from a random one on; and as many from the first one on.
_MAX_ACCOUNTS = 32
#: What a claim returns: the row, and what a fetch needs of it.
CLAIMED_COLUMNS = [*RECORDING_COLUMNS, recordings.c.sealed_announcement]
#: If the count of attempts is above this, an earlier attempt may have left an object. A stored row has used one attempt
#: for its own object.
MAX_CLEAN_ATTEMPTS, MAX_CLEAN_ATTEMPTS_STORED = 1, 2
#: The length stands for IS NOT NULL: few recordings of an archive still have an announcement, so PostgreSQL would
#: expect that no row of an account is ready, and read the whole table.
_IS_ANNOUNCED: Final = "length(r.sealed_announcement) > 0"
_TO_TRANSFER = ", ".join(f"'{state}'" for state in sorted(CLAIM.sources))
_CLAIMED: Final = RowReader(CLAIMED_COLUMNS)
#: It need not be durable immediately: after a crash of the server the manifest is due again when the lease has expired.
MANIFEST_WRITTEN: Final = HotText(
    "UPDATE recordings SET manifest_due = false, manifest_key_version = :key_version, sealed_waveform = NULL, "
    "lease_until = NULL, lease_token = NULL WHERE id = :id AND state = 'available' AND lease_token = :token "
    "RETURNING set_config('synchronous_commit', 'off', true)",
    id="text",
    token="text",  # noqa: S106 - a type
    key_version="bigint",
)


def claim_values(token: str, lease: timedelta) -> dict[str, Any]:
    """Return the parameters of a claim that are the same on both databases."""
    return {"token": token, "lease": lease // MICROSECOND, "start": new_id("acct")}


def sqlite_claim_values(token: str, lease: timedelta, but: Collection[str], now: datetime) -> dict[str, Any]:
    """Return the parameters of SQLite's claims."""
    return claim_values(token, lease) | {"but": json.dumps(list(but)), "now": micros(now)}


def hot_claim_values(token: str, lease: timedelta, but: Collection[str], floor: int) -> dict[str, Any]:
    """Return the parameters of PostgreSQL's claims; ``floor``: microseconds since 1970, nothing older is found."""
    return claim_values(token, lease) | {"but": list(but), "floor": floor}


@cache
def claim_by_account(states: Sequence[State]) -> TextualSelect:
    """Return SQLite's claim of the row that has waited longest, of an account with the fewest leases.

    Parameters: ``start`` (where the walk over accounts begins), ``but`` (accounts, as JSON), ``token``, ``lease`` and
    ``now`` in microseconds.
    """
    return _claim(_due_by_account(states, on_postgresql=False))


def _due_by_account(states: Sequence[State], *, on_postgresql: bool) -> str:
    now = _now(on_postgresql=on_postgresql)
    floor = "AND r.not_before >= :floor" if on_postgresql else ""
    ready = f"{_ready(now, is_announced=_IS_ANNOUNCED)} {floor}"
    taken = {CLAIM.target if state in CLAIM.sources else state for state in states}
    in_hand = ", ".join(f"'{state}'" for state in sorted(taken))
    # The count reads leases that ended too, so it is left out where there is no choice.
    return f"""
        WITH RECURSIVE {_waiting_accounts(states, ready, floor)}, choice AS MATERIALIZED (
            SELECT DISTINCT a.account_id FROM pairs a
             WHERE a.since IS NOT NULL AND a.account_id {_but(on_postgresql=on_postgresql)}
        ), chosen AS MATERIALIZED (
            SELECT a.account_id FROM choice a
             ORDER BY CASE WHEN (SELECT count(*) FROM choice) > 1 THEN
                           (SELECT count(*) FROM recordings r
                             WHERE r.account_id = a.account_id AND r.lease_until > {now}
                               AND r.state IN ({in_hand}) AND {_is_work(_IS_ANNOUNCED)}) END, random()
             LIMIT 1
        ), best AS MATERIALIZED (
            SELECT state, account_id FROM pairs
             WHERE since IS NOT NULL AND account_id = (SELECT account_id FROM chosen) ORDER BY since LIMIT 1
        ), due AS (
            SELECT r.id FROM recordings r
             WHERE r.state = (SELECT state FROM best) AND r.account_id = (SELECT account_id FROM best)
               AND r.{IS_NOT_AVAILABLE} AND {ready}
             ORDER BY r.not_before LIMIT 1 {_lock(on_postgresql=on_postgresql)}
        )"""  # noqa: S608 - our own names and states


def _waiting_accounts(states: Sequence[State], ready: str, floor: str) -> str:
    """Return ``pairs``: accounts with rows in a state, and since when the oldest ready one waits, if there is any."""
    # Both databases take the partial index of states only if the query repeats its condition.
    seeds = " UNION ALL ".join(
        f"SELECT '{state}' AS state, CAST({start} AS text) AS account_id, 0 AS n"
        for state in states
        for start in (":start", "''")
    )
    return f"""walk (state, account_id, n) AS (
            {seeds}
            UNION ALL
            SELECT w.state, (SELECT min(r.account_id) FROM recordings r
                              WHERE r.state = w.state AND r.account_id > w.account_id AND r.{IS_NOT_AVAILABLE} {floor}),
                   w.n + 1
              FROM walk w WHERE w.account_id IS NOT NULL AND w.n < {_MAX_ACCOUNTS}
        ), pairs AS MATERIALIZED (
            SELECT w.state, w.account_id,
                   (SELECT r.not_before FROM recordings r
                     WHERE r.state = w.state AND r.account_id = w.account_id AND r.{IS_NOT_AVAILABLE} AND {ready}
                     ORDER BY r.not_before LIMIT 1) AS since
              FROM (SELECT DISTINCT state, account_id FROM walk WHERE n > 0 AND account_id IS NOT NULL) w
        )"""  # noqa: S608 - our own names and states


@cache
def claim_oldest(states: Sequence[State]) -> TextualSelect:
    """Return SQLite's claim of the row that has waited longest, of any account; parameters as above."""
    return _claim(_due_oldest(states, on_postgresql=False))


def _due_oldest(states: Sequence[State], *, on_postgresql: bool) -> str:
    now = _now(on_postgresql=on_postgresql)
    oldest = (
        f"SELECT id FROM ({_oldest(states, now, on_postgresql=on_postgresql)}) o ORDER BY not_before LIMIT 1"  # noqa: S608 - see above
    )
    lock = _lock(on_postgresql=on_postgresql)
    condition = f"{_ready(now)} AND r.account_id {_but(on_postgresql=on_postgresql)}"
    return f"WITH due AS (SELECT r.id FROM recordings r WHERE r.id = ({oldest}) AND {condition} {lock})"  # noqa: S608


@cache
def any_waiting(states: Sequence[State], *, on_postgresql: bool) -> TextClause:
    """Return the query whether a claim would find a row; parameter on SQLite: ``now``."""
    now = _now(on_postgresql=on_postgresql)
    return text(f"SELECT 1 FROM ({_oldest(states, now, on_postgresql=on_postgresql)}) o LIMIT 1")  # noqa: S608 - our own names and states


@cache
def hot_claims(states: Sequence[State]) -> tuple[HotText, HotText]:
    """Return both claims for PostgreSQL, each with the note of an object that the attempt before may have left.

    A claim is durable before the attempt begins: otherwise a crash could undo it, and nothing would note the object.
    """
    # Only if it walked over all accounts is nothing older.
    is_more = f"SELECT FROM walk WHERE account_id IS NOT NULL AND n >= {_MAX_ACCOUNTS}"
    floor = f"(SELECT min(since) FROM pairs WHERE NOT EXISTS ({is_more}))"  # noqa: S608 - the same
    by_account = _hot_claim(_due_by_account(states, on_postgresql=True), floor, floor="bigint")
    return by_account, _hot_claim(_due_oldest(states, on_postgresql=True), "NULL::bigint")


@cache
def hot_any_waiting(states: Sequence[State]) -> HotText:
    """Return ``any_waiting`` for PostgreSQL."""
    return HotText(any_waiting(states, on_postgresql=True).text)


def read_claim(rows: Sequence[Sequence[Any]], token: str) -> tuple[Lease | None, int]:
    """Return the lease of the row that a claim returned, if it found one, and the floor for the next ones."""
    if not rows:
        return None, 0
    *values, floor = rows[0]
    row = _CLAIMED.named(values)
    lease = Lease(recording=recording_from(row), token=token, announcement=sealed_announcement(row))
    return lease, floor or 0


def _hot_claim(due: str, next_floor: str, **more: str) -> HotText:
    statement = f"""{due}, taken AS (
            {_take(POSTGRESQL_NOW)}
        ), noted AS (
            INSERT INTO object_checks (recording_id, account_id, noted_at, due_at)
            SELECT id, account_id, {POSTGRESQL_NOW}, {POSTGRESQL_NOW} FROM taken
             WHERE attempts > CASE state WHEN '{State.STORED}' THEN {MAX_CLEAN_ATTEMPTS_STORED}
                                     ELSE {MAX_CLEAN_ATTEMPTS} END
            ON CONFLICT (recording_id) DO UPDATE SET noted_at = excluded.noted_at, due_at = excluded.due_at
        )
        SELECT *, {next_floor} FROM taken"""  # noqa: S608 - our own names
    return HotText(statement, start="text", token="text", lease="bigint", but="text[]", **more)  # noqa: S106 - types


def _claim(due: str) -> TextualSelect:
    return text(due + _take(_now(on_postgresql=False))).columns(*CLAIMED_COLUMNS)


def _take(now: str) -> str:
    names = ", ".join(column.name for column in CLAIMED_COLUMNS)
    return f"""
        UPDATE recordings
           SET state = CASE WHEN state IN ({_TO_TRANSFER}) THEN '{CLAIM.target}' ELSE state END,
               lease_token = :token, lease_until = {now} + :lease, attempts = attempts + 1
         WHERE id = (SELECT id FROM due) RETURNING {names}"""  # noqa: S608 - our own names and states


def _oldest(states: Iterable[State], now: str, *, on_postgresql: bool) -> str:
    """Select the row of each state that has waited longest."""
    # SQLite takes the partial index only if the query repeats its condition. With the condition repeated, PostgreSQL
    # estimates the number of rows wrongly, so it is left out there.
    indexed = "" if on_postgresql else f"r.{IS_WORK} AND "
    return " UNION ALL ".join(
        f"SELECT * FROM (SELECT r.id, r.not_before FROM recordings r WHERE r.state = '{state}' AND "  # noqa: S608 - see above
        f"{indexed}{_ready(now)} ORDER BY r.not_before LIMIT 1) {state}"
        for state in states
    )


def _ready(now: str, *, is_announced: str = "r.sealed_announcement IS NOT NULL") -> str:
    # Only an announced recording can be fetched; an upload waits for its client.
    return f"r.not_before <= {now} AND (r.lease_until IS NULL OR r.lease_until < {now}) AND {_is_work(is_announced)}"


def _is_work(is_announced: str) -> str:
    return f"(r.state IN ('{State.STORED}', '{State.ERASING}') OR {is_announced})"


def _but(*, on_postgresql: bool) -> str:
    return "<> ALL(:but)" if on_postgresql else "NOT IN (SELECT value FROM json_each(:but))"


def _now(*, on_postgresql: bool) -> str:
    return POSTGRESQL_NOW if on_postgresql else ":now"


def _lock(*, on_postgresql: bool) -> str:
    return "FOR UPDATE SKIP LOCKED" if on_postgresql else ""
