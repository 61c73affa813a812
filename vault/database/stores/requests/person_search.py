"""The search for what an account holds of a person, by keyed hashes."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, MappingResult, func, select

from vault.batches import batches
from vault.database.schema.calls import call_facts, call_terms
from vault.database.schema.consent import consent_events
from vault.database.schema.core import links, recording_terms, recordings
from vault.database.sql.conditions import plausible_at
from vault.database.stores.calls.call_facts import refs_of_terms
from vault.database.stores.recordings.recording_filter import matching_recordings
from vault.database.stores.rows import Rows
from vault.domain.recordings.recording import GONE, State
from vault.domain.requests.request import Period

#: Recordings and calls that one search returns; a search that finds more is refused.
MAX_FOUND = 10_000
#: Calls or recordings named in one statement.
_BATCH_SIZE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRecording:
    """A recording of a person, in any state but erased."""

    id: str
    call_ref: str
    state: State
    restricted: bool
    #: The start of its call, or its receipt where that is not known.
    at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonCall:
    """A call of a person that has facts but no recording."""

    call_ref: str
    at: datetime


_R, _F = recordings.c, call_facts.c
_IS_LEFT = _R.state.not_in([str(state) for state in GONE])
_RECORDED_AT = func.coalesce(plausible_at(_R.call_started_at), _R.received_at, type_=_R.received_at.type)
_RECORDINGS = select(
    _R.id, _R.call_ref, _R.state, _R.restricted, _RECORDED_AT.label("at"), _R.received_at.label("received_at")
)
_CALLED_AT = func.min(func.coalesce(plausible_at(_F.started_at), _F.at), type_=_F.at.type)
#: Calls with facts and without a recording that is not erased.
_CALLS = (
    select(_F.call_ref, _CALLED_AT.label("at"))
    .where(
        ~select(_R.id).where(_R.account_id == _F.account_id, _R.call_ref == _F.call_ref, _IS_LEFT).exists()
    )
    .group_by(_F.call_ref)
)


class PersonSearch(Rows):
    """Searches in one transaction."""

    def recordings(
        self, account_id: str, terms: Sequence[bytes], period: Period
    ) -> Sequence[PersonRecording]:
        """Return up to MAX_FOUND + 1 recordings in every state but erased that have one of these terms."""
        r = recordings.c
        query = _RECORDINGS.where(
            r.id.in_(matching_recordings(account_id, terms)), _IS_LEFT, *_within(_RECORDED_AT, period)
        )
        rows = self._db.execute(query.order_by(_RECORDED_AT, r.received_at, r.id).limit(MAX_FOUND + 1))
        return _recordings(rows.mappings())

    def calls(self, account_id: str, terms: Sequence[bytes], period: Period) -> Sequence[PersonCall]:
        """Return up to MAX_FOUND + 1 calls with one of these terms and without a recording that is not erased."""
        f = call_facts.c
        query = _CALLS.where(f.account_id == account_id, f.call_ref.in_(refs_of_terms(account_id, terms)))
        query = query.having(*_within(_CALLED_AT, period)).order_by(_CALLED_AT, f.call_ref)
        rows = self._db.execute(query.limit(MAX_FOUND + 1))
        return [PersonCall(call_ref=row.call_ref, at=row.at) for row in rows]

    def calls_of(self, account_id: str, recording_ids: Sequence[str]) -> Mapping[str, str]:
        """Return the call of each of these recordings that exists, in any state, by its id."""
        r, calls = recordings.c, dict[str, str]()
        for batch in batches(recording_ids, _BATCH_SIZE):
            # Without the account: SQLite would read the index of all that the account has.
            rows = self._db.execute(select(r.id, r.account_id, r.call_ref).where(r.id.in_(batch)))
            calls.update((row.id, row.call_ref) for row in rows if row.account_id == account_id)
        return calls

    def left_of_calls(
        self, account_id: str, call_refs: Collection[str]
    ) -> tuple[Sequence[PersonRecording], Sequence[PersonCall]]:
        """Return what is not erased of these calls, oldest first: recordings, and calls with facts alone."""
        r, f, refs = recordings.c, call_facts.c, sorted(call_refs)
        left, calls = list[PersonRecording](), list[PersonCall]()
        for batch in batches(refs, _BATCH_SIZE):
            query = _RECORDINGS.where(r.account_id == account_id, r.call_ref.in_(batch), _IS_LEFT)
            left += _recordings(self._db.execute(query).mappings())
            facts = _CALLS.where(f.account_id == account_id, f.call_ref.in_(batch))
            calls += [PersonCall(call_ref=row.call_ref, at=row.at) for row in self._db.execute(facts)]
        return (
            sorted(left, key=lambda one: (one.at, one.received_at, one.id)),
            sorted(calls, key=lambda one: (one.at, one.call_ref)),
        )

    def count_consents(self, account_id: str, call_refs: Sequence[str]) -> int:
        """Return the number of consent events of these calls."""
        c = consent_events.c
        counted = 0
        for batch in batches(call_refs, _BATCH_SIZE):
            mine: ColumnElement[bool] = (c.account_id == account_id) & c.call_ref.in_(batch)
            counted += self._db.execute(
                select(func.count()).select_from(consent_events).where(mine)
            ).scalar_one()
        return counted

    def count_links(self, account_id: str, listener_terms: Sequence[bytes]) -> int:
        """Return the number of links of which the person was the listener."""
        mine = (links.c.account_id == account_id) & links.c.listener_term.in_(listener_terms)
        return self._db.execute(select(func.count()).select_from(links).where(mine)).scalar_one()

    def terms_of_calls(self, account_id: str, call_refs: Collection[str]) -> Mapping[str, frozenset[bytes]]:
        """Return every term that finds one of these calls, those of its recordings included."""
        c, r, own = call_terms.c, recordings.c, recording_terms.c
        of_calls: dict[str, set[bytes]] = defaultdict(set)
        refs = sorted(call_refs)
        for batch in batches(refs, _BATCH_SIZE):
            by_call = select(c.call_ref, c.term).where(c.account_id == account_id, c.call_ref.in_(batch))
            by_recording = (
                select(r.call_ref, own.term)
                .join(recording_terms, own.recording_id == r.id)
                .where(r.account_id == account_id, r.call_ref.in_(batch))
            )
            for row in self._db.execute(by_call.union(by_recording)):
                of_calls[row.call_ref].add(row.term)
        return {ref: frozenset(terms) for ref, terms in of_calls.items()}


def _recordings(rows: MappingResult) -> list[PersonRecording]:
    return [PersonRecording(**{**row, "state": State(row["state"])}) for row in rows]


def _within(at: ColumnElement[datetime], period: Period) -> list[ColumnElement[bool]]:
    since = [] if period.since is None else [at >= period.since]
    return since if period.until is None else [*since, at < period.until]
