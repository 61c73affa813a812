"""Statements of the queue: the choice of the next account, and the columns set with each state."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from vault.database.schema.core import recordings
from vault.database.stores.recordings import reasons_json
from vault.domain.reason import Reason
from vault.domain.recordings.recording import SealedObject, State

WORK = (State.RECEIVED, State.TRANSFERRING, State.RETRY_WAIT, State.STORED, State.ERASING)
#: The columns needed to open a recording. Setting them to NULL shreds it.
SHREDDED = {
    "wrapped_key": None,
    "key_version": None,
    "sealed_details": None,
    "sealed_waveform": None,
    "sealed_announcement": None,
}
FREE: dict[str, Any] = {"lease_until": None, "lease_token": None}


def next_turn(states: Sequence[State], ready: ColumnElement[bool], now: datetime) -> Select[Any]:
    """Select the next account: among those with a ready row, one with the fewest leased rows, at random."""
    r = recordings.c
    leased = func.count().filter(r.lease_until > now)
    return (
        select(r.account_id)
        .where(r.state.in_({*WORK, *states}))
        .group_by(r.account_id)
        .having(func.count().filter(ready) > 0)
        .order_by(leased, func.random())
        .limit(1)
    )


def as_refused(reason: Reason) -> dict[str, Any]:
    """Return the column values for a row that is refused in its current state."""
    return {
        **SHREDDED, **FREE, "state": str(State.REFUSED), "reasons": reasons_json([reason]),
        "audio_location": None, "rendition_location": None, "manifest_due": True,
    }  # fmt: skip


def columns_of(values: dict[str, Any]) -> dict[str, Any]:
    """Convert domain values to columns."""
    columns = dict(values)
    for purpose in ("audio", "rendition"):
        sealed: SealedObject | None = columns.pop(purpose, None)
        if sealed is not None:
            columns[f"{purpose}_location"] = sealed.location
            columns[f"{purpose}_header"] = sealed.header
            columns[f"{purpose}_size"] = sealed.size
    if "reasons" in columns:
        columns["reasons"] = reasons_json(columns["reasons"])
    return columns
