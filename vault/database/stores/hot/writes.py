"""PostgreSQL's batches of announcements, grants and events: each is sent as one message, without a round trip between.

Only inserts are batched, because a batch that holds row locks would delay the recording switch. A batch takes the
shared locks of its accounts before the statement that reads the switch: nothing is received after "off" was answered.
Then it takes those locks of its calls that are free, as an upload and an erasure do: a name of a call is used once.
What it did not get is announced alone, so that nobody waits for the call of somebody else.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import JSON, Boolean, LargeBinary, String

from vault.database.schema.core import micros, recordings
from vault.database.sql.dialect import POSTGRESQL_NOW, call_lock_key, lock_key
from vault.database.sql.hot_text import HotText
from vault.database.stores.audit_log.access_events import event_values
from vault.database.stores.hot.statements import (
    COLUMNS,
    LATER_ON_POSTGRESQL,
    MAY_STILL_HEAR,
    Announced,
    Grant,
    id_taken,
    row_of,
)
from vault.database.stores.recordings.recording_names import name_taken, named_values
from vault.database.stores.recordings.recordings import NewRecording
from vault.domain.recordings.recording import State
from vault.errors import KeyRetired, NotFound, VaultError

Steps = list[tuple[HotText, dict[str, Any]]]
Rows = list[tuple[Any, ...]]


def _array_of(name: str) -> str:
    kind = recordings.c[name].type
    arrays = ((String, "text[]"), (LargeBinary, "bytea[]"), (JSON, "json[]"), (Boolean, "boolean[]"))
    return next((array for one, array in arrays if isinstance(kind, one)), "bigint[]")


#: What a recording is while the switch is off, whatever was announced.
_BY_SWITCH: Final = {
    "state": "CASE WHEN a.enabled THEN n.state ELSE 'refused' END",
    "reasons": "CASE WHEN a.enabled THEN n.reasons ELSE n.reasons_off END",
    "epoch": "a.epoch",
    "sealed_announcement": "CASE WHEN a.enabled THEN n.sealed_announcement END",
    "manifest_due": "n.manifest_due OR NOT a.enabled",
    # A node's clock may be ahead of the database's: the row is due now, and a worker that is woken must find it.
    "not_before": f"least(n.not_before, {POSTGRESQL_NOW})",
    "source_not_before": f"least(n.source_not_before, {POSTGRESQL_NOW})",
}
_NEWEST: Final = "(SELECT max(version) FROM account_keys k WHERE k.account_id = n.account_id)"
_NAMED: Final = (
    "account_id",
    "connection_id",
    "recording_ref",
    "call_ref",
    "name",
    "name_in_call",
    "call_lock",
)
_KINDS: Final = {
    **{name: _array_of(name) for name in COLUMNS},
    "reasons_off": "json[]",
    "name": "text[]",
    "name_in_call": "text[]",
    "call_lock": "bigint[]",
}
# In the order of the arrays, accounts before calls. The transaction notes which calls it has: the insert is a statement
# of its own, to see what was committed before they were taken.
_LOCKS: Final = HotText(
    "WITH tried AS MATERIALIZED (SELECT k, shared, CASE WHEN shared THEN pg_advisory_xact_lock_shared(k) IS NOT NULL "
    "WHEN :waits THEN pg_advisory_xact_lock(k) IS NOT NULL ELSE pg_try_advisory_xact_lock(k) END AS got "
    "FROM unnest(:keys, :shared) AS n(k, shared)) "
    "SELECT set_config('callvault.calls', coalesce(string_agg(k::text, ',') "
    "FILTER (WHERE got AND NOT shared), ''), true) FROM tried",
    keys="bigint[]",
    shared="boolean[]",
    waits="boolean",
)
_IS_LOCKED: Final = "n.call_lock::text = ANY (string_to_array(current_setting('callvault.calls'), ','))"
# In the order of the unique key, so that two nodes that announce the same do not wait for each other.
_INSERT: Final = HotText(
    f"INSERT INTO recordings ({', '.join(COLUMNS)}) "  # noqa: S608 - our own column names
    f"SELECT {', '.join(_BY_SWITCH.get(name, f'n.{name}') for name in COLUMNS)} "
    f"FROM unnest({', '.join(f':{name}' for name in _KINDS)}) AS n({', '.join(_KINDS)}) "
    f"JOIN accounts a ON a.id = n.account_id WHERE n.announcement_key_version = {_NEWEST} "
    f"AND {_IS_LOCKED} AND (SELECT id FROM ({name_taken('n.')}) known) IS NULL "
    "ORDER BY n.account_id, n.connection_id, n.recording_ref ON CONFLICT DO NOTHING RETURNING id, state",
    **_KINDS,
)
# A separate statement, so that it sees the commits of other batches, for which the insert waited.
_KNOWN: Final = HotText(
    f"SELECT a.id IS NOT NULL, {_NEWEST}, r.id, r.state, r.call_ref, {_IS_LOCKED} "  # noqa: S608 - our own text
    f"FROM unnest({', '.join(f':{name}' for name in _NAMED)}) WITH ORDINALITY AS n({', '.join(_NAMED)}, ordinal) "
    "LEFT JOIN accounts a ON a.id = n.account_id "
    f"LEFT JOIN LATERAL ({name_taken('n.')}) r ON true ORDER BY n.ordinal",
    **{name: _KINDS[name] for name in _NAMED},
)
_GRANT_KINDS: Final = {
    "id": "text[]",
    "account_id": "text[]",
    "recording_id": "text[]",
    "body": "bytea[]",
    "sealed_detail": "bytea[]",
    "session_id": "text[]",
    "actor": "text[]",
    "now": "bigint[]",
    "conditional": "boolean[]",
}
_GRANT: Final = HotText(
    "INSERT INTO event_outbox (id, account_id, recording_id, body, sealed_detail) "  # noqa: S608 - our own text
    "SELECT g.id, g.account_id, g.recording_id, g.body, g.sealed_detail "
    f"FROM unnest({', '.join(f':{name}' for name in _GRANT_KINDS)}) AS g({', '.join(_GRANT_KINDS)}) "
    "WHERE NOT g.conditional OR EXISTS (SELECT 1"
    + MAY_STILL_HEAR.format(
        recording="g.recording_id",
        account="g.account_id",
        session="g.session_id",
        actor="g.actor",
        now=LATER_ON_POSTGRESQL.format(now="g.now"),
    )
    + ") RETURNING id",
    **_GRANT_KINDS,
)
IS_VALID: Final = HotText(
    "SELECT 1"
    + MAY_STILL_HEAR.format(
        recording=":recording_id",
        account=":account_id",
        session=":session_id",
        actor=":actor",
        now=LATER_ON_POSTGRESQL.format(now=":now"),
    ),
    recording_id="text",
    account_id="text",
    session_id="text",
    actor="text",
    now="bigint",
)


def announce_steps(batch: Sequence[NewRecording], *, waits: bool = False) -> Steps:
    """Return the statements of a batch of announcements: locks first, then one insert.

    ``waits``: for the locks of their calls, which only one announcement alone does.
    """
    rows = []
    for new in batch:
        row = row_of(new, enabled=True, epoch=0) | named_values(new.recording_ref, new.call_ref)
        row |= {"reasons_off": row_of(new, enabled=False, epoch=0)["reasons"]}
        rows.append(row | {"call_lock": call_lock_key(new.account_id, new.call_ref)})
    accounts = sorted({lock_key(new.account_id) for new in batch})
    calls = sorted({row["call_lock"] for row in rows})
    shared = [True] * len(accounts) + [False] * len(calls)
    return [
        (_LOCKS, {"keys": [*accounts, *calls], "shared": shared, "waits": waits}),
        (_INSERT, {name: [row[name] for row in rows] for name in _KINDS}),
        (_KNOWN, {name: [row[name] for row in rows] for name in _NAMED}),
    ]


def announced(batch: Sequence[NewRecording], results: Sequence[Rows]) -> list[Announced | VaultError | None]:
    """Return the result of each announcement from the rows of ``announce_steps``.

    It is NotFound for an unknown account, KeyRetired for one sealed under a retired version of the account's key, and
    None where somebody else holds the lock of its call; the others are inserted.
    """
    _, inserted, rows = results
    created = {recording_id: State(state) for recording_id, state in inserted}
    answers: list[Announced | VaultError | None] = []
    for new, (has_account, newest, recording_id, state, call_ref, is_locked) in zip(batch, rows, strict=True):
        if not has_account:
            answers.append(NotFound("There is no such account."))
        elif new.key_version != newest:
            answers.append(KeyRetired())
        elif not is_locked:
            answers.append(None)
        elif (own := created.pop(new.id, None)) is not None:
            answers.append(Announced(recording_id=new.id, state=own, call_ref=new.call_ref, created=True))
        elif recording_id is not None:
            known_as = Announced(
                recording_id=recording_id, state=State(state), call_ref=call_ref, created=False
            )
            answers.append(known_as)
        else:
            answers.append(id_taken())
    return answers


def grant_steps(batch: Sequence[Grant]) -> Steps:
    """Return the statement that writes the events of a batch; each conditional one is checked separately."""
    rows = [event_values(grant.event) for grant in batch]
    columns: dict[str, list[Any]] = {
        name: [row[name] for row in rows]
        for name in ("id", "account_id", "recording_id", "body", "sealed_detail")
    }
    columns["session_id"] = [grant.session_id for grant in batch]
    columns["actor"] = [grant.event.actor for grant in batch]
    columns["now"] = [micros(grant.event.at) for grant in batch]
    columns["conditional"] = [grant.conditional for grant in batch]
    return [(_GRANT, columns)]


def granted(batch: Sequence[Grant], results: Sequence[Rows]) -> list[bool]:
    """Return of each event whether it was written."""
    written = {event_id for (event_id,) in results[0]}
    return [grant.event.id in written for grant in batch]
