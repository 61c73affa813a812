"""What holds and contacts name, as conditions of queries."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, false, func, or_, select, true

from vault.database.schema.calls import call_facts
from vault.database.schema.core import recording_terms, recordings
from vault.database.sql.conditions import plausible_at
from vault.database.stores.calls.call_facts import refs_of_terms
from vault.domain.recordings.recording import State
from vault.domain.retention.hold import Hold, RecordingSelection

#: Of the holds in one query: what they name, which is sent twice, and their limits of time.
_MAX_NAMED: Final = 10_000
_MAX_LIMITS: Final = 50


def joined(holds: Sequence[Hold]) -> Iterator[list[Hold]]:
    """Join holds with the same limits of time, and yield as many of them as one query can name."""
    part, size = dict[tuple[datetime | None, datetime | None], list[Hold]](), 0
    for hold in holds:
        selection = hold.covers
        limits, more = (
            (selection.from_, selection.to),
            len(selection.recordings) + len(selection.calls) + len(selection.terms),
        )
        if part and (size + more > _MAX_NAMED or (limits not in part and len(part) == _MAX_LIMITS)):
            yield list(map(_union, part.values()))
            part, size = {}, 0
        part.setdefault(limits, []).append(hold)
        size += more
    if part:
        yield list(map(_union, part.values()))


def _union(holds: Sequence[Hold]) -> Hold:
    """Return a hold that covers what any of these covers; all have the same limits of time."""
    selections = [hold.covers for hold in holds]
    return replace(
        holds[0],
        covers=replace(
            selections[0],
            recordings=frozenset[str]().union(*(one.recordings for one in selections)),
            calls=frozenset[str]().union(*(one.calls for one in selections)),
            terms=frozenset[bytes]().union(*(one.terms for one in selections)),
            everything=any(one.everything for one in selections),
        ),
    )


def covered_by(hold: Hold) -> ColumnElement[bool]:
    """Return the condition for available recordings that a hold covers, as ``domain.retention.hold.covers`` says."""
    return bound_by(hold) & (recordings.c.state == str(State.AVAILABLE))


def bound_by(hold: Hold) -> ColumnElement[bool]:
    """Return the condition for recordings in any state that a hold covers."""
    r, f, selection = recordings.c, call_facts.c, hold.covers
    started, ended = plausible_at(r.call_started_at), plausible_at(r.call_ended_at)
    began = [_in_time(selection, func.coalesce(started, r.received_at))]
    if selection.from_ is not None or selection.to is not None:
        reported = (f.account_id == r.account_id) & (f.call_ref == r.call_ref)
        began += [
            started.is_(None) & _in_time(selection, ended),
            select(f.id).where(reported, _in_time(selection, f.started_at)).exists(),
        ]
    return _condition_of(hold.account_id, selection, or_(*began))


def named_by(account_id: str, selection: RecordingSelection) -> ColumnElement[bool]:
    """Return the condition for recordings of an account in any state that ``selection`` names.

    A time is compared with the start of the recording's call, or else its receipt.
    """
    start = func.coalesce(plausible_at(recordings.c.call_started_at), recordings.c.received_at)
    return _condition_of(account_id, selection, _in_time(selection, start))


def _condition_of(
    account_id: str, selection: RecordingSelection, began: ColumnElement[bool]
) -> ColumnElement[bool]:
    r, t = recordings.c, recording_terms.c
    among: list[ColumnElement[bool]] = [true()] if selection.everything else []
    if selection.terms and not selection.everything:
        having = (t.account_id == account_id) & t.term.in_(selection.terms)
        calls = refs_of_terms(account_id, list(selection.terms))
        among = [r.id.in_(select(t.recording_id).where(having)) | r.call_ref.in_(calls)]
    timed = and_(or_(false(), *among), began)
    return and_(
        r.account_id == account_id,
        or_(r.id.in_(selection.recordings), r.call_ref.in_(selection.calls), timed),
    )


def _in_time(selection: RecordingSelection, at: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a time is within the limits; null is not, where there are any."""
    return and_(
        true() if selection.from_ is None else at >= selection.from_,
        true() if selection.to is None else at < selection.to,
    )
