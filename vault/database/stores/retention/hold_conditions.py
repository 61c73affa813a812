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


def joined(found: Sequence[Hold]) -> Iterator[list[Hold]]:
    """Join holds with the same limits of time, and yield as many of them as one query can name."""
    part, size = dict[tuple[datetime | None, datetime | None], list[Hold]](), 0
    for hold in found:
        named = hold.covers
        limits, more = (named.from_, named.to), len(named.recordings) + len(named.calls) + len(named.terms)
        if part and (size + more > _MAX_NAMED or (limits not in part and len(part) == _MAX_LIMITS)):
            yield list(map(_union, part.values()))
            part, size = {}, 0
        part.setdefault(limits, []).append(hold)
        size += more
    if part:
        yield list(map(_union, part.values()))


def _union(found: Sequence[Hold]) -> Hold:
    """Return a hold that covers what any of these covers; all have the same limits of time."""
    named = [hold.covers for hold in found]
    return replace(
        found[0],
        covers=replace(
            named[0],
            recordings=frozenset[str]().union(*(one.recordings for one in named)),
            calls=frozenset[str]().union(*(one.calls for one in named)),
            terms=frozenset[bytes]().union(*(one.terms for one in named)),
            everything=any(one.everything for one in named),
        ),
    )


def covered_by(hold: Hold) -> ColumnElement[bool]:
    """Return the condition for available recordings that a hold covers, as ``domain.retention.hold.covers`` says."""
    return bound_by(hold) & (recordings.c.state == str(State.AVAILABLE))


def bound_by(hold: Hold) -> ColumnElement[bool]:
    """Return the condition for recordings in any state that a hold covers."""
    r, f, named = recordings.c, call_facts.c, hold.covers
    started, ended = plausible_at(r.call_started_at), plausible_at(r.call_ended_at)
    began = [_in_time(named, func.coalesce(started, r.received_at))]
    if named.from_ is not None or named.to is not None:
        reported = (f.account_id == r.account_id) & (f.call_ref == r.call_ref)
        began += [
            started.is_(None) & _in_time(named, ended),
            select(f.id).where(reported, _in_time(named, f.started_at)).exists(),
        ]
    return _named(hold.account_id, named, or_(*began))


def named_by(account_id: str, named: RecordingSelection) -> ColumnElement[bool]:
    """Return the condition for recordings of an account in any state that ``named`` names.

    A time is compared with the start of the recording's call, or else its receipt.
    """
    start = func.coalesce(plausible_at(recordings.c.call_started_at), recordings.c.received_at)
    return _named(account_id, named, _in_time(named, start))


def _named(account_id: str, named: RecordingSelection, began: ColumnElement[bool]) -> ColumnElement[bool]:
    r, t = recordings.c, recording_terms.c
    among: list[ColumnElement[bool]] = [true()] if named.everything else []
    if named.terms and not named.everything:
        having = (t.account_id == account_id) & t.term.in_(named.terms)
        calls = refs_of_terms(account_id, list(named.terms))
        among = [r.id.in_(select(t.recording_id).where(having)) | r.call_ref.in_(calls)]
    timed = and_(or_(false(), *among), began)
    return and_(
        r.account_id == account_id, or_(r.id.in_(named.recordings), r.call_ref.in_(named.calls), timed)
    )


def _in_time(named: RecordingSelection, at: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a time is within the limits; null is not, where there are any."""
    return and_(
        true() if named.from_ is None else at >= named.from_, true() if named.to is None else at < named.to
    )
