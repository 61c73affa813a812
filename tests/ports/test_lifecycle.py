"""The lifecycle on SQLite and PostgreSQL: what one statement does to many rows, and what guards forbid."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ports.test_database_queue import in_state
from tests.support.database_rows import (
    NOW,
    OFF,
    announcement,
    begin_erasing,
    columns,
    logged,
    open_account,
    set_columns,
    switch,
)
from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.admission.decision import Decision
from vault.domain.reason import Reason
from vault.domain.recordings.recording import IN_FLIGHT, Lease, Recording, State
from vault.domain.recordings.transitions import ENTRIES, REFUSE, TRANSITIONS, Transition
from vault.errors import Refused
from vault.services.lifecycle import lifecycle
from vault.services.lifecycle.lifecycle import GateEvidence
from vault.services.lifecycle.set_switch import refuse_in_flight

_NUMBERS = itertools.count()
#: Columns in which two recordings differ by nature.
_OWN = {"id", "account_id", "recording_ref", "lease_token", "lease_until"}
_ROWS = st.lists(st.tuples(st.sampled_from(State), st.sampled_from(["call-1", "call-2"])), max_size=5)


async def _row(database: Database, account_id: str, state: State, call_ref: str) -> str:
    """Insert a row in a state, with keys and objects, held under a lease."""
    new = announcement(f"ref-{next(_NUMBERS)}", account_id, call_ref=call_ref)
    await database.announce(new)
    until = await database.read(lambda tx: tx.now())
    secrets = {"wrapped_key": b"key", "key_version": 1, "sealed_details": b"d", "sealed_waveform": b"w"}
    place = {"audio_location": "a", "audio_header": b"h", "audio_size": 9, "rendition_location": "r"}
    held = {"state": str(state), "lease_token": "token", "lease_until": until}
    await set_columns(database, new.id, **held, **secrets, **place)
    return new.id


async def _changes(database: Database, account_id: str, ids: list[str]) -> list[Any]:
    """Return what differs between rows of two accounts only if they were treated differently; and their events."""
    rows = [await columns(database, one) for one in ids]
    events = {kept.event.recording_id: kept.event for kept in await logged(database, account_id)}
    return [
        (
            {name: value for name, value in row.items() if name not in _OWN},
            None if (event := events.get(row["id"])) is None else (event.type, event.actor, event.result),
        )
        for row in rows
    ]


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=_ROWS, call_ref=st.sampled_from([None, "call-1"]))
async def test_one_statement_refuses_as_one_by_one(database: Database, rows: Any, call_ref: str | None):
    """Rows and events of an account refused in one statement are those of an account refused row by row."""
    one, many = (f"acct_{next(_NUMBERS)}" for _ in range(2))
    for account_id in (one, many):
        await open_account(database, account_id)
    single = [await _row(database, one, *row) for row in rows]
    grouped = [await _row(database, many, *row) for row in rows]

    def refuse_each(tx: Transaction) -> None:
        for recording_id in single:
            recording = tx.recordings.by_id(recording_id)
            if recording.state in REFUSE.sources and call_ref in {None, recording.call_ref}:
                lifecycle.refuse(tx, recording, [OFF], actor="key_1")

    await database.write(refuse_each)
    await database.write(lambda tx: refuse_in_flight(tx, many, OFF, at=NOW, actor="key_1", call_ref=call_ref))
    assert await _changes(database, many, grouped) == await _changes(database, one, single)


@pytest.mark.parametrize("enabled", [True, False])
async def test_an_announcement_begins_in_an_entry_of_the_table(database: Database, enabled: bool):
    """The statement of announcements refuses where the switch is off or a rule forbids it, and nothing else."""
    await open_account(database)
    await switch(database, enabled=enabled)
    ground = Reason(code="objection", text="A party objected.")
    announced = [
        await database.announce(announcement(f"ref-{n}", grounds=grounds))
        for n, grounds in enumerate([(), (ground,)])
    ]
    expected = [State.RECEIVED if enabled else State.REFUSED, State.REFUSED]
    assert [one.state for one in announced] == expected
    assert set(expected) <= set(ENTRIES)
    for one in announced:
        row = await columns(database, one.recording_id)
        assert row["manifest_due"] == (one.state is State.REFUSED)


def _gate(tx: Transaction, held: Lease) -> None:
    lifecycle.pass_gate(tx, held, _REFUSAL, GateEvidence(opened=None, entries=()))  # type: ignore[arg-type]


_REFUSAL = Decision(
    verdict="refuse", grounds=(OFF,), is_forbidden=True, remarks=(), epoch=0, mode="announcement", position="start",
    agent_notice=False, places=(), policy_version=0, rule_book="",
)  # fmt: skip
#: Every way to lose the keys, and a state in which it begins.
_DESTROYING: dict[str, tuple[State, Callable[[Transaction, Lease], Any]]] = {
    "refuse": (State.QUARANTINED, lambda tx, held: lifecycle.refuse(tx, held.recording, [OFF])),
    "fail": (State.STORED, lambda tx, held: lifecycle.fail(tx, held, OFF)),
    "gate": (State.STORED, _gate),
    "erase": (State.AVAILABLE, lambda tx, held: begin_erasing(tx, "acct_a", held.recording.id)),
}


@pytest.mark.parametrize("name", _DESTROYING)
async def test_a_guard_stops_every_way_to_lose_the_keys(
    database: Database, monkeypatch: pytest.MonkeyPatch, name: str
):
    """With a guard that forbids, the row keeps its keys and the log has no event; without it, both change."""
    state, destroy = _DESTROYING[name]
    await open_account(database)
    held = await in_state(database, state)
    before = await columns(database, held.recording.id)

    def forbid(_tx: Transaction, recording: Recording, transition: Transition, _wish: str) -> None:
        assert (recording.state, transition.shreds) == (state, True)
        raise Refused("A hold covers the recording.", reasons=("held",))

    with monkeypatch.context() as patched:
        patched.setattr(lifecycle, "GUARDS", (forbid,))
        with pytest.raises(Refused):
            await database.write(lambda tx: destroy(tx, held) and None)
    assert await columns(database, held.recording.id) == before
    assert await logged(database) == []
    await database.write(lambda tx: destroy(tx, held) and None)
    assert (await columns(database, held.recording.id))["wrapped_key"] is None
    assert len(await logged(database)) == 1


async def test_a_change_with_an_event_needs_its_cause(database: Database):
    """The lifecycle's own functions cannot leave the event out either."""
    await open_account(database)
    for transition in (one for one in TRANSITIONS if one.event is not None):
        source = min(transition.sources)
        held = await in_state(database, source, f"ref-{transition.event}")
        with pytest.raises(ValueError, match="cause"):
            await database.write(lambda tx, t=transition, h=held: lifecycle._change(tx, t, h, {}))
        assert (await columns(database, held.recording.id))["state"] == source
    assert await logged(database) == []


def test_only_states_in_flight_are_refused():
    """The recording switch, which refuses in one statement, reaches nothing that was ever available."""
    assert REFUSE.sources == set(IN_FLIGHT)
    assert State.AVAILABLE not in REFUSE.sources
