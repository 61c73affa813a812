"""The two hot writes, an announcement and a grant, as statements compiled once.

Building a statement in SQLAlchemy takes several times longer than SQLite needs to run it, so these go to
the driver as text. On PostgreSQL each is one multi-row statement for a whole batch. Only inserts are
batched there, because a batch that holds row locks would delay the recording switch.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from vault.database.schema.core import micros, recordings
from vault.database.signals import Work, wake
from vault.database.sql.dialect import POSTGRESQL_NOW, database_now, is_postgresql, lock_key
from vault.database.stores.access_events import event_values, hashed_values, wake_for_events
from vault.database.stores.recordings import NewRecording, new_row
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.reason import Reason
from vault.domain.recordings.recording import State
from vault.errors import KeyRetired, NotFound, Refused, VaultError

_SWITCH_OFF = Reason(code="switch_off", text="Recording was switched off when the recording was announced.")
_COLUMNS = tuple(
    new_row(
        NewRecording(
            id="", account_id="", connection_id="", recording_ref="", call_ref="", received_at=None,  # type: ignore[arg-type]
            call_started_at=None, call_ended_at=None, sealed_announcement=None, key_version=0,
        ),
        state=State.RECEIVED, reasons=(), epoch=0,
    )
)  # fmt: skip
# The switch, and the current version of the account's key.
_SWITCH = (
    "SELECT id, enabled, epoch, (SELECT max(version) FROM account_keys k WHERE k.account_id = accounts.id) "
    "FROM accounts WHERE "
)
_INSERT = (
    f"INSERT INTO recordings ({', '.join(_COLUMNS)}) VALUES ({', '.join(':' + name for name in _COLUMNS)})"  # noqa: S608 - our own column names
    " ON CONFLICT DO NOTHING"
)
_STILL_VALID = """
  FROM recordings r
 WHERE r.id = {recording} AND r.account_id = {account} AND r.state = 'available' AND NOT r.restricted
   AND ({session} IS NULL OR EXISTS (
       SELECT 1 FROM sessions s JOIN links l ON l.id = s.link_id
        WHERE s.id = {session} AND s.recording_id = r.id AND s.ends_at > {now} AND l.revoked_at IS NULL))
"""
# If the clocks of the node and PostgreSQL differ, a session ends by the clock that is ahead.
_LATER = "greatest({now}, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)"
_GRANT = (
    "INSERT INTO access_events (id, account_id, recording_id, body, sealed_detail, leaf_hash, tree_index) "  # noqa: S608 - our own column names
    "SELECT :id, :account_id, :recording_id, :body, :sealed_detail, :leaf_hash, "
    "(SELECT coalesce(max(tree_index) + 1, 0) FROM access_events)"
    + _STILL_VALID.format(recording=":recording_id", account=":account_id", session=":session_id", now=":now")
)
_IS_VALID = "SELECT 1" + _STILL_VALID.format(
    recording=":recording_id", account=":account_id", session=":session_id", now=":now"
)
_IS_VALID_ON_POSTGRESQL = "SELECT 1" + _STILL_VALID.format(
    recording="%(recording_id)s::text",
    account="%(account_id)s::text",
    session="%(session_id)s::text",
    now=_LATER.format(now="%(now)s::bigint"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """The row for an announcement."""

    recording_id: str
    state: State
    #: False for a duplicate announcement.
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The event for a window of audio, which must be durable before the window is served."""

    event: AccessEvent
    #: The session that must still be valid; None for a download by API key.
    session_id: str | None


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
    if cursor.execute(_INSERT, _row(new, enabled=enabled, epoch=epoch)).rowcount:
        _wake(connection, [new], [state])
        return Announced(recording_id=new.id, state=state, created=True)
    known = cursor.execute(
        "SELECT id, state FROM recordings WHERE account_id = ? AND connection_id = ? AND recording_ref = ?",
        _reference(new),
    ).fetchone()
    if known is None:
        raise _id_taken()
    return Announced(recording_id=known[0], state=State(known[1]), created=False)


def grant_one(connection: Connection, grant: Grant) -> bool:
    """Write one grant's event on SQLite, if session, link and recording are still good."""
    now = max(grant.event.at, database_now(connection))
    values = hashed_values(grant.event) | {"session_id": grant.session_id, "now": micros(now)}
    granted = bool(_cursor(connection).execute(_GRANT, values).rowcount)
    if granted:
        wake_for_events(connection)
    return granted


def still_good(connection: Connection, event: AccessEvent) -> bool:
    """Return whether a grant's session, link and recording are valid at the time of ``event``."""
    names = ("recording_id", "account_id", "session_id")
    on_postgresql = is_postgresql(connection)
    now = event.at if on_postgresql else max(event.at, database_now(connection))
    values = {name: getattr(event, name) for name in names} | {"now": micros(now)}
    query = _IS_VALID_ON_POSTGRESQL if on_postgresql else _IS_VALID
    cursor = _cursor(connection)
    cursor.execute(query, values)
    return cursor.fetchone() is not None


def announce_group(connection: Connection, batch: Sequence[NewRecording]) -> list[Announced | VaultError]:
    """Insert a batch on PostgreSQL: shared locks first, then one statement in the order of the unique key.

    The result of an announcement for an unknown account is NotFound, of one sealed under a retired version of
    the account's key KeyRetired; the others are inserted.
    """
    cursor = _cursor(connection)
    keys = sorted({lock_key(new.account_id) for new in batch})
    cursor.execute("SELECT pg_advisory_xact_lock_shared(k) FROM unnest(%s::bigint[]) AS k", (keys,))
    cursor.execute(_SWITCH + "id = ANY(%s)", ([new.account_id for new in batch],))
    switches = {account: switch for account, *switch in cursor.fetchall()}
    rows = []
    for new in sorted(batch, key=_reference):
        enabled, epoch, newest = switches.get(new.account_id, (None, None, None))
        if new.key_version == newest:
            rows.append(_row(new, enabled=enabled, epoch=epoch))
    columns = [[row[name] for row in rows] for name in _COLUMNS]
    cursor.execute(_INSERT_BATCH, columns)
    created = {row[0]: State(row[1]) for row in cursor.fetchall()}
    _wake(connection, [new for new in batch if new.id in created], list(created.values()))
    known = _known(cursor, batch)
    answers: list[Announced | VaultError] = []
    for new in batch:
        if new.account_id not in switches:
            answers.append(NotFound("There is no such account."))
        elif new.key_version != switches[new.account_id][2]:
            answers.append(KeyRetired())
        elif (state := created.pop(new.id, None)) is not None:
            answers.append(Announced(recording_id=new.id, state=state, created=True))
        else:
            answers.append(known.get(_reference(new)) or _id_taken())
    return answers


def grant_group(connection: Connection, batch: Sequence[Grant]) -> list[bool]:
    """Write a batch of grants on PostgreSQL with one statement; each is checked separately."""
    cursor = _cursor(connection)
    rows = [event_values(grant.event) for grant in batch]
    names = ("id", "account_id", "recording_id", "body", "sealed_detail")
    columns = [[row[name] for row in rows] for name in names]
    columns += [[grant.session_id for grant in batch], [micros(grant.event.at) for grant in batch]]
    cursor.execute(_GRANT_BATCH, columns)
    granted = {row[0] for row in cursor.fetchall()}
    if granted:
        wake_for_events(connection)
    return [grant.event.id in granted for grant in batch]


def _known(cursor: Any, batch: Sequence[NewRecording]) -> dict[tuple[str, str, str], Announced]:
    """Return existing rows. A separate statement, so that it sees the commits of other batches."""
    cursor.execute(
        "SELECT r.account_id, r.connection_id, r.recording_ref, r.id, r.state FROM recordings r "
        "JOIN unnest(%s::text[], %s::text[], %s::text[]) AS n(account_id, connection_id, recording_ref) "
        "USING (account_id, connection_id, recording_ref)",
        (
            [new.account_id for new in batch],
            [new.connection_id or "" for new in batch],
            [new.recording_ref for new in batch],
        ),
    )
    return {
        (account, connection, ref): Announced(recording_id=recording, state=State(state), created=False)
        for account, connection, ref, recording, state in cursor.fetchall()
    }


def _state(new: NewRecording, *, enabled: bool) -> State:
    return State.RECEIVED if enabled and not new.grounds else State.REFUSED


def _row(new: NewRecording, *, enabled: bool, epoch: int) -> dict[str, Any]:
    state, grounds = _state(new, enabled=enabled), new.grounds
    if not enabled and all(reason.code != _SWITCH_OFF.code for reason in grounds):
        grounds = (_SWITCH_OFF, *grounds)
    row = new_row(new, state=state, reasons=grounds, epoch=epoch)
    row["voices"] = json.dumps(row["voices"])
    for name in ("received_at", "call_started_at", "call_ended_at", "not_before", "source_not_before"):
        row[name] = None if row[name] is None else micros(row[name])
    row["reasons"] = json.dumps(row["reasons"])
    if state is State.REFUSED:
        # A refused recording is never fetched, so its URL is not stored.
        row["sealed_announcement"] = None
    return row


def _wake(connection: Connection, created: Sequence[NewRecording], states: Sequence[State]) -> None:
    """Signal the work that new rows leave."""
    refused = states.count(State.REFUSED)
    wake(connection, Work.INGEST, len(states) - refused)
    wake(connection, Work.TOMBSTONES, refused)
    if refused and any(new.source_policy != "keep" for new in created):
        wake(connection, Work.DELETE_AT_SOURCE, refused)


def _reference(new: NewRecording) -> tuple[str, str, str]:
    """Return the table's unique key, which identifies a repeated announcement."""
    return new.account_id, new.connection_id or "", new.recording_ref


def _id_taken() -> Refused:
    return Refused("Another recording has this id.", reasons=("id_taken",))


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()


def _array(name: str) -> str:
    kind = str(recordings.c[name].type.compile()).lower()
    return "%s::" + {"varchar": "text", "blob": "bytea", "json": "json"}.get(kind, kind) + "[]"


# A node's clock may be ahead of the database's: the row is due now, and its signal must not be in vain.
_LEAST_NOW = {name: f"least({name}, {POSTGRESQL_NOW})" for name in ("not_before", "source_not_before")}
_INSERT_BATCH = (
    f"INSERT INTO recordings ({', '.join(_COLUMNS)}) "  # noqa: S608 - our own column names
    f"SELECT {', '.join(_LEAST_NOW.get(name, name) for name in _COLUMNS)} "
    f"FROM unnest({', '.join(_array(name) for name in _COLUMNS)}) AS n ({', '.join(_COLUMNS)}) "
    "ON CONFLICT DO NOTHING RETURNING id, state"
)
_GRANT_BATCH = (
    "INSERT INTO event_outbox (id, account_id, recording_id, body, sealed_detail) "
    "SELECT g.id, g.account_id, g.recording_id, g.body, g.sealed_detail "
    "FROM unnest(%s::text[], %s::text[], %s::text[], %s::bytea[], %s::bytea[], %s::text[], %s::bigint[]) "
    "AS g(id, account_id, recording_id, body, sealed_detail, session_id, now) JOIN recordings r ON true"
    + _STILL_VALID.replace("FROM recordings r", "").format(
        recording="g.recording_id",
        account="g.account_id",
        session="g.session_id",
        now=_LATER.format(now="g.now"),
    )
    + " RETURNING id"
)
