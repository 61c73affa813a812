"""Rows that tests begin with, and the few verbs they share."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import select, update

from vault.database.interface import Database
from vault.database.schema.core import recordings
from vault.database.stores.recordings.recording_states import RecordingStates
from vault.database.stores.recordings.recordings import NewRecording
from vault.domain.accounts.account import Account
from vault.domain.audit_log.access_event import AccessEvent, LoggedEvent
from vault.domain.ids import new_id
from vault.domain.playback.link import Link, Session
from vault.domain.reason import Reason
from vault.domain.recordings.recording import LEASE, Lease, Recording, SealedObject, State
from vault.domain.recordings.transitions import transition_between
from vault.services.closing_acts.kinds.table import read_content
from vault.services.lifecycle import lifecycle

NOW = datetime(2026, 11, 2, 12, 0, 0, 123456, tzinfo=UTC)
OFF = Reason(code="switch_off", text="Recording is switched off.")
TO_TRANSFER = (State.RECEIVED, State.RETRY_WAIT, State.TRANSFERRING)


def account(account_id: str = "acct_a", ref: str | None = None) -> Account:
    """Return an account."""
    return Account(id=account_id, ref=ref or account_id[5:], name="Acme", locale="en", opened_at=NOW)


async def open_account(database: Database, account_id: str = "acct_a") -> None:
    """Open an account with made-up wrapped keys."""
    opened = account(account_id)
    await database.write(
        lambda tx: tx.accounts.insert(opened, wrapped_key=b"wrapped", wrapped_index_key=b"index")
    )


def announcement(ref: str, account_id: str = "acct_a", **changed: Any) -> NewRecording:
    """Return an announced recording."""
    values: dict[str, Any] = {
        "id": new_id("rec"), "account_id": account_id, "connection_id": "conn_1", "recording_ref": ref,
        "call_ref": "call-1", "received_at": NOW, "call_started_at": NOW - timedelta(minutes=2),
        "call_ended_at": None, "sealed_announcement": b"sealed url", "key_version": 1,
    }  # fmt: skip
    return NewRecording(**{**values, **changed})


def upload(ref: str, account_id: str = "acct_a", **changed: Any) -> NewRecording:
    """Return a recording that a client sends."""
    return announcement(ref, account_id, connection_id=None, sealed_announcement=None, **changed)


async def claim(database: Database, states: Sequence[State] = TO_TRANSFER, lease: timedelta = LEASE) -> Lease:
    """Claim a row that must be there."""
    held = await database.claim(states, lease=lease, likely=True)
    assert held is not None
    return held


def move(tx: Any, held: Lease, to: State, **values: object) -> Recording:
    """Move a leased row to another state, without the lifecycle's event."""
    transition = transition_between(held.recording.state, to)
    return RecordingStates(tx.connection).change((transition,), held.recording, values, token=held.token)


def settle(tx: Any, recording: Recording, to: State, **values: object) -> Recording:
    """Move a row that nobody leases to another state, without the lifecycle's event."""
    return RecordingStates(tx.connection).change(
        (transition_between(recording.state, to),), recording, values
    )


def begin_erasing(tx: Any, account_id: str, recording_id: str) -> Recording:
    """Erase a recording as the service does, in a write that notes closing acts."""
    tx.closing_acts.begin((), partial(read_content, tx))
    return lifecycle.erase(tx, account_id, recording_id, actor="key_1", at=NOW)


async def store(database: Database) -> Recording:
    """Move the next waiting row to stored."""
    held = await claim(database)
    sealed = SealedObject(location=f"audio/{held.token}", header=b"header", size=100)
    return await database.write(
        lambda tx: move(tx, held, State.STORED, audio=sealed, wrapped_key=b"key", key_version=1, evidence="digest",
            sealed_details=b"details", attempts=0,
        )
    )  # fmt: skip


async def available(database: Database, ref: str = "ref-1", account_id: str = "acct_a") -> Recording:
    """Bring one announced recording all the way; nothing else may be waiting."""
    await database.announce(announcement(ref, account_id))
    await store(database)
    held = await claim(database, (State.STORED,))
    return await database.write(
        lambda tx: move(tx, held, State.AVAILABLE, duration=12.5, available_at=NOW, manifest_due=True)
    )


async def switch(database: Database, *, enabled: bool, account_id: str = "acct_a") -> Sequence[str]:
    """Set the switch as the verb does, and return what was refused."""

    def change(tx: Any) -> Sequence[str]:
        tx.lock_account(account_id, exclusive=True)
        tx.accounts.set_switch(account_id, enabled=enabled, at=NOW, by="key_1", reason=None)
        refused: Sequence[str] = (
            () if enabled else RecordingStates(tx.connection).refuse_in_flight(account_id, OFF)
        )
        return refused

    return await database.write(change, urgent=True)


async def set_columns(database: Database, recording_id: str, **values: Any) -> None:
    """Change a row past every rule."""
    query = update(recordings).where(recordings.c.id == recording_id).values(values)

    def change(tx: Any) -> None:
        tx.connection.execute(query)

    await database.write(change)


async def columns(database: Database, recording_id: str) -> dict[str, Any]:
    """Return a whole row."""
    query = select(recordings).where(recordings.c.id == recording_id)

    def fetch(tx: Any) -> dict[str, Any]:
        return dict(tx.connection.execute(query).one()._mapping)

    return await database.read(fetch)


def event(recording_id: str | None = None, account_id: str = "acct_a", **changed: Any) -> AccessEvent:
    """Return an access event."""
    values: dict[str, Any] = {
        "id": new_id("evt"), "type": "playback.grant", "at": NOW, "account_id": account_id, "actor": "sess_1",
        "recording_id": recording_id, "first": 0, "end": 65536, "sealed_detail": b"who",
    }  # fmt: skip
    return AccessEvent(**{**values, **changed})


async def logged(
    database: Database, account_id: str = "acct_a", *, recording_id: str | None = None
) -> Sequence[LoggedEvent]:
    """Return an account's events by their places in the tree, once the sequencer has moved what waits."""
    while await database.write(lambda tx: tx.tree.sequence(limit=1000)):
        pass
    return await database.read(
        lambda tx: tx.events.page(account_id, recording_id=recording_id, start=0, limit=1_000_000)
    )


def link(recording_id: str, **changed: Any) -> Link:
    """Return a link."""
    values: dict[str, Any] = {
        "id": new_id("link"), "account_id": "acct_a", "recording_id": recording_id, "kind": "player",
        "created_by": "key_1", "created_at": NOW, "expires_at": NOW + timedelta(minutes=15), "sessions": 1,
        "networks": ("10.0.0.0/8",), "download": False, "revoked_at": None, "listener_term": b"term",
        "sealed_listener": b"listener", "key_version": 1,
    }  # fmt: skip
    return Link(**{**values, **changed})


def session(of: Link, **changed: Any) -> Session:
    """Return a session of a link."""
    values: dict[str, Any] = {
        "id": new_id("sess"), "account_id": of.account_id, "recording_id": of.recording_id, "link_id": of.id,
        # The database's own clock must not have come to its end.
        "opened_at": NOW, "ends_at": NOW.replace(year=NOW.year + 100),
    }  # fmt: skip
    return Session(**{**values, **changed})


def raising(error: BaseException) -> Callable[[Any], None]:
    """Return a function that writes a row and then raises."""

    def function(tx: Any) -> None:
        tx.metadata.put({f"undone {id(error)}": b"x"})
        raise error

    return function
