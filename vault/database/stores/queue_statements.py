"""Statements of the queue: which account is next, and the columns that are set with each state."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from vault.database.schema.core import recordings
from vault.database.stores.recordings import reasons_json
from vault.domain.reason import Reason
from vault.domain.recordings.recording import SealedObject, State

WORK = (State.RECEIVED, State.TRANSFERRING, State.RETRY_WAIT, State.STORED, State.ERASING)
#: What opens a recording. Setting these to nothing is what shreds it.
SHREDDED = {
    "wrapped_key": None,
    "key_version": None,
    "sealed_details": None,
    "sealed_waveform": None,
    "sealed_announcement": None,
}
FREE: dict[str, Any] = {"lease_until": None, "lease_token": None}


def next_turn(states: Sequence[State], ready: ColumnElement[bool], now: datetime) -> Select[Any]:
    """Select the next account: one with a ready row, and with the fewest leased rows."""
    r = recordings.c
    held = func.count().filter(r.lease_until > now)
    return (
        select(r.account_id)
        .where(r.state.in_({*WORK, *states}))
        .group_by(r.account_id)
        .having(func.count().filter(ready) > 0)
        .order_by(held, func.random())
        .limit(1)
    )


def as_refused(reason: Reason) -> dict[str, Any]:
    """Return what is set when a row is refused where it stands."""
    return {
        **SHREDDED, **FREE, "state": str(State.REFUSED), "reasons": reasons_json([reason]),
        "audio_location": None, "rendition_location": None, "manifest_due": True,
    }  # fmt: skip


def columns_of(values: dict[str, Any]) -> dict[str, Any]:
    """Turn nouns into columns."""
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
