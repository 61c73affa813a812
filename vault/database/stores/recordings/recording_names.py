"""What clients change of recordings: found by name, given voices, and fetched without a further wait.

A name of a call is looked up here only: by uploads in ``named_recordings``, of which ``named_at`` chooses, and by
announcements with the same rule as text (``name_taken``), which is a part of their own statements.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, String, and_, cast, select, update

from vault.database.schema.core import recordings
from vault.database.signals import Work, wake
from vault.database.sql.dialect import sql_now
from vault.database.stores.recordings.recordings import RECORDING_COLUMNS, recording_of
from vault.domain.calls.call import Voice
from vault.domain.recordings.recording import CLOSED, Recording, State, name_in_row_key, row_keys_of

_CLOSED: Final = ", ".join(f"'{state}'" for state in CLOSED)
# Of the account, connection and key first: that is the announcement itself, whatever call is reported with it.
_TAKEN: Final = f"""
  SELECT id, state, call_ref FROM (
    SELECT o.id, o.state, o.call_ref, 0 AS place FROM recordings o
     WHERE o.account_id = {{new}}account_id AND o.connection_id = {{new}}connection_id
       AND o.recording_ref = {{new}}recording_ref
    UNION ALL
    SELECT r.id, r.state, r.call_ref, CASE WHEN r.connection_id = {{new}}connection_id THEN 1
           WHEN r.state IN ('erasing', 'erased') THEN 2 WHEN r.state = 'refused' THEN 3 ELSE 4 END
      FROM recordings r
     WHERE r.account_id = {{new}}account_id AND r.call_ref = {{new}}call_ref
       AND r.recording_ref IN ({{new}}name, {{new}}name_in_call)
       AND (r.connection_id IN ('', {{new}}connection_id) OR r.state IN ({_CLOSED}))
  ) taken ORDER BY place, id LIMIT 1"""  # noqa: S608 - our own states


def name_taken(new: str) -> str:
    """Return the query for what an announcement's name stands for already: id, state and call of at most one row.

    ``new`` precedes the names of its parameters: those of ``named_values``, and the columns of its row.
    """
    return _TAKEN.format(new=new)


def named_values(recording_ref: str, call_ref: str) -> dict[str, str]:
    """Return both keys that a recording of this name may have in its call, as ``name_taken`` takes them."""
    name, in_call = row_keys_of(name_in_row_key(recording_ref), call_ref)
    return {"name": name, "name_in_call": in_call}


def named_recordings(
    connection: Connection, account_id: str, call_ref: str, name: str
) -> Sequence[Recording]:
    """Return the recordings of this name in a call: at most one of uploads, and one of each connection."""
    query = select(*RECORDING_COLUMNS).where(
        recordings.c.account_id == account_id,
        recordings.c.call_ref == call_ref,
        recordings.c.recording_ref.in_(row_keys_of(name, call_ref)),
    )
    return [recording_of(row) for row in connection.execute(query)]


def add_voices(connection: Connection, recording_id: str, voices: Sequence[Voice]) -> bool:
    """Store the voices of a recording that has arrived and has none; return whether that was so."""
    r = recordings.c
    has_none = cast(r.voices, String) == "[]"
    arrived = r.state.in_([str(state) for state in (State.STORED, State.QUARANTINED, State.AVAILABLE)])
    query = update(recordings).where(r.id == recording_id, arrived, has_none).values(voices=list(voices))
    return bool(connection.execute(query).rowcount)


def hurry(connection: Connection, account_id: str, recording_id: str) -> None:
    """Let a recording that waits for its next attempt be fetched now."""
    r = recordings.c
    waiting = and_(r.id == recording_id, r.account_id == account_id, r.state == str(State.RETRY_WAIT))
    connection.execute(update(recordings).where(waiting).values(not_before=sql_now(connection)))
    wake(connection, Work.INGEST)
