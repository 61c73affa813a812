"""What clients change of recordings: found by name, given voices, and fetched without a further wait."""

from collections.abc import Sequence

from sqlalchemy import Connection, String, and_, cast, select, update

from vault.database.schema.core import recordings
from vault.database.signals import Work, wake
from vault.database.sql.dialect import sql_now
from vault.database.stores.recordings import RECORDING_COLUMNS, recording_of
from vault.domain.calls.call import Voice
from vault.domain.recordings.recording import Recording, State
from vault.domain.recordings.recording_name import keys_of


def named_recordings(
    connection: Connection, account_id: str, call_ref: str, name: str
) -> Sequence[Recording]:
    """Return the recordings of this name in a call: at most one of uploads, and one of each connection."""
    query = select(*RECORDING_COLUMNS).where(
        recordings.c.account_id == account_id,
        recordings.c.call_ref == call_ref,
        recordings.c.recording_ref.in_(keys_of(name, call_ref)),
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
