"""The two hot writes of SQLite, an announcement and a grant, as statements compiled once.

Building a statement in SQLAlchemy takes several times longer than SQLite needs to run it, so these go to
the driver as text. ``writes`` has them for PostgreSQL.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from vault.database.schema.core import micros, recordings
from vault.database.signals import Signal, Work, wake
from vault.database.sql.compiled_statements import RowWriter
from vault.database.sql.dialect import database_now
from vault.database.stores.audit_log.access_events import hashed_values, wake_for_events
from vault.database.stores.recordings.recording_names import name_taken, named_values
from vault.database.stores.recordings.recordings import NewRecording, new_row
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.reason import Reason
from vault.domain.recordings.recording import State
from vault.errors import KeyRetired, NotFound, Refused, VaultError

SWITCH_OFF = Reason(code="switch_off", text="Recording was switched off when the recording was announced.")
COLUMNS = tuple(
    new_row(
        NewRecording(
            id="", account_id="", connection_id="", recording_ref="", call_ref="", received_at=None,  # type: ignore[arg-type]
            call_started_at=None, call_ended_at=None, sealed_announcement=None, key_version=0,
        ),
        state=State.RECEIVED, reasons=(), epoch=0,
    )
)  # fmt: skip
_WRITER = RowWriter([recordings.c[name] for name in COLUMNS])
# The switch, and the current version of the account's key.
_SWITCH = (
    "SELECT id, enabled, epoch, (SELECT max(version) FROM account_keys k WHERE k.account_id = accounts.id) "
    "FROM accounts WHERE "
)
_INSERT = (
    f"INSERT INTO recordings ({', '.join(COLUMNS)}) SELECT {', '.join(':' + name for name in COLUMNS)}"
    f" WHERE NOT EXISTS ({name_taken(':')}) ON CONFLICT DO NOTHING"
)
#: Whether a link (l) plays a recording (r) in its state: ``Link.plays`` in SQL.
PLAYS = """(r.state = 'available' AND (NOT r.restricted OR l.plays_restricted)
               OR r.state = 'quarantined' AND NOT r.restricted AND l.purpose = 'consent_check' AND l.kind = 'player')"""
MAY_STILL_HEAR = f"""
  FROM recordings r
 WHERE r.id = {{recording}} AND r.account_id = {{account}} AND r.state IN ('available', 'quarantined')
   AND ({{session}} IS NULL AND r.state = 'available' AND NOT r.restricted
        AND NOT EXISTS (SELECT 1 FROM api_keys k WHERE k.id = {{actor}} AND k.revoked_at IS NOT NULL) OR EXISTS (
       SELECT 1 FROM sessions s JOIN links l ON l.id = s.link_id
        WHERE s.id = {{session}} AND s.recording_id = r.id AND s.ends_at > {{now}} AND l.revoked_at IS NULL
          AND {PLAYS}))
"""  # noqa: S608 - our own rule
# If the clocks of the node and PostgreSQL differ, a session ends by the clock that is ahead.
LATER_ON_POSTGRESQL = "greatest({now}, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)"
_NAMES = {
    "recording": ":recording_id", "account": ":account_id", "session": ":session_id", "actor": ":actor", "now": ":now",
}  # fmt: skip
_GRANT = (
    "INSERT INTO access_events (id, account_id, recording_id, body, sealed_detail, leaf_hash, tree_index) "  # noqa: S608 - our own column names
    "SELECT :id, :account_id, :recording_id, :body, :sealed_detail, :leaf_hash, "
    "(SELECT coalesce(max(tree_index) + 1, 0) FROM access_events)" + MAY_STILL_HEAR.format(**_NAMES)
)
_IS_VALID = "SELECT 1" + MAY_STILL_HEAR.format(**_NAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """The row for an announcement."""

    recording_id: str
    state: State
    #: The call of the row.
    call_ref: str
    #: False if the row was there before.
    created: bool
    #: The row that was there before has this announcement now, in the place of an older one.
    renewed: bool = False
    #: It was an upload, and another connection took it over first: the name is free for the one that announces.
    taken_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The event for a window of audio, which must be durable before the window is served."""

    event: AccessEvent
    #: The session that must still be valid; None for a download by API key, which must not be revoked.
    session_id: str | None
    #: Whether session, link and recording are checked; False for an event that states what has happened.
    conditional: bool = True


def announce_one(connection: Connection, new: NewRecording) -> Announced:
    """Insert one recording on SQLite: received if the switch is on, else refused."""
    cursor = _cursor(connection)
    switch = cursor.execute(_SWITCH + "id = ?", (new.account_id,)).fetchone()
    if switch is None:
        raise NotFound("There is no such account.")
    _, enabled, epoch, newest = switch
    if new.key_version != newest:
        raise KeyRetired
    state = _state(new, enabled=enabled)
    named = row_of(new, enabled=enabled, epoch=epoch) | named_values(new.recording_ref, new.call_ref)
    if cursor.execute(_INSERT, named).rowcount:
        created = Announced(recording_id=new.id, state=state, call_ref=new.call_ref, created=True)
        for signal in announcement_signals([new], [created]):
            wake(connection, signal.work, signal.number)
        return created
    row = cursor.execute(name_taken(":"), named).fetchone()
    if row is None:
        raise id_taken()
    return Announced(recording_id=row[0], state=State(row[1]), call_ref=row[2], created=False)


def grant_one(connection: Connection, grant: Grant) -> bool:
    """Write one grant's event on SQLite, if session, link and recording are still good."""
    now = max(grant.event.at, database_now(connection))
    values = hashed_values(grant.event) | {"session_id": grant.session_id, "now": micros(now)}
    values |= {"actor": grant.event.actor}
    granted = bool(_cursor(connection).execute(_GRANT, values).rowcount)
    if granted:
        wake_for_events(connection)
    return granted


def is_valid_one(connection: Connection, event: AccessEvent) -> bool:
    """Return on SQLite whether a grant's session, link and recording are valid at the time of ``event``."""
    values = validity_values(event) | {"now": micros(max(event.at, database_now(connection)))}
    return _cursor(connection).execute(_IS_VALID, values).fetchone() is not None


def validity_values(event: AccessEvent) -> dict[str, Any]:
    """Return the parameters of the question whether a grant would still be valid."""
    names = ("recording_id", "account_id", "session_id", "actor")
    return {name: getattr(event, name) for name in names} | {"now": micros(event.at)}


def _state(new: NewRecording, *, enabled: bool) -> State:
    return State.RECEIVED if enabled and not new.grounds else State.REFUSED


def row_of(new: NewRecording, *, enabled: bool, epoch: int) -> dict[str, Any]:
    """Return the row of an announcement as the drivers take it, by the state of the switch."""
    state, grounds = _state(new, enabled=enabled), new.grounds
    if not enabled and all(reason.code != SWITCH_OFF.code for reason in grounds):
        grounds = (SWITCH_OFF, *grounds)
    row = _WRITER.written(new_row(new, state=state, reasons=grounds, epoch=epoch))
    if state is State.REFUSED:
        # A refused recording is never fetched, so its URL is not stored.
        row["sealed_announcement"] = None
    return row


def announcement_signals(
    batch: Sequence[NewRecording], answers: Sequence[Announced | VaultError | None]
) -> list[Signal]:
    """Return the signals of the work that new rows leave."""
    created = [
        (new, answer.state)
        for new, answer in zip(batch, answers, strict=True)
        if isinstance(answer, Announced) and answer.created
    ]
    refused = [new for new, state in created if state is State.REFUSED]
    counts = {
        Work.INGEST: len(created) - len(refused),
        Work.TOMBSTONES: len(refused),
        Work.DELETE_AT_SOURCE: sum(new.source_policy != "keep" for new in refused),
    }
    return [Signal(work, count) for work, count in counts.items() if count]


def id_taken() -> Refused:
    """Return the error for an id that another announcement has."""
    return Refused("Another recording has this id.", reasons=("id_taken",))


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()
